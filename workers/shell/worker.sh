#!/bin/sh
# A worker of gdistributed in POSIX shell and jq: gd worker ADDRESS --runtime sh="sh worker.sh"
# The protocol is docs/subprocess-runtimes.md: each line is the length of a JSON text, and the text.
set -u

say() { # a JSON text, with its length in bytes before it
    printf '%d %s\n' "$(printf '%s' "$1" | wc -c)" "$1"
}

text() { # the argument of this number, if it is a text
    printf '%s' "$call" | jq -r ".arguments[$1].value | strings // error(\"argument $1 is no text\")"
}

lines() { said=$(text 0) && printf '%s\n' "$said" | grep -c ''; }
words() { said=$(text 0) && printf '%s\n' "$said" | tr -s '[:space:]' '\n' | jq -nR \
    'reduce (inputs | select(. != "")) as $word ({}; .[$word] += 1)'; }
host() { hostname | jq -R .; }

say "$(jq -nc '{hello: {protocol: 1, decodes: ["json"], functions: [
    {name: "text.lines", description: "Count the lines of a text."},
    {name: "text.words", description: "Count each word of a text."},
    {name: "host", description: "The name of the host that runs this."}]}}')"

while read -r _ call; do
    number=$(printf '%s' "$call" | jq .call)
    case $(printf '%s' "$call" | jq -r .function) in
        text.lines) result=$(lines 2>&1) ;;
        text.words) result=$(words 2>&1) ;;
        host) result=$(host 2>&1) ;;
    esac
    if [ $? -eq 0 ]; then
        say "$(printf '%s' "$result" | jq -c "{call: $number, value: .}")"
    else
        say "$(jq -nc --arg said "$result" "{call: $number, error: {type: \"sh\", message: \$said}}")"
    fi
done
