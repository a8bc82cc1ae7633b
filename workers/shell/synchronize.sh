#!/bin/sh
# A worker of gdistributed in POSIX shell, grpcurl and jq: sh synchronize.sh ADDRESS [NAME]
# Each call says what it runs and has done, and learns what to run: docs/synchronize.md explains it.
set -u
address=$1 name=${2:-shell-$$} lease=${LEASE:-30s} status=RUNNING job='' watch=''
folder=$(mktemp -d) && cd "$folder" && : >outcome >answer || exit
end=99999999999; trap 'status=CLOSING end=$(($(date +%s) + ${GRACE:-20}))' TERM; trap 'exit 130' INT
trap 'kill $job $watch 2>log; rm -r "$folder"' EXIT
hello=$(jq -n --arg name "$name" --arg id "$name-$(hostname)-$$-$(date +%s)" '{
    worker_id: $id, name: $name, nthreads: 1, software: {protocol_major: 1, name: "synchronize.sh"},
    runtimes: [{runtime: "sh", functions: [
        {name: "text.words", description: "Count each word of a text."},
        {name: "numbers.total", description: "Add the numbers of a list."},
        {name: "sleep", description: "Wait for so many seconds."}]}]}')

call() { # a function: its arguments as JSON come in, its result as JSON goes out
    case $1 in
        text.words) exec jq '[.[0].json | scan("\\S+")] | group_by(.) | map({(.[0]): length}) | add // {}' ;;
        numbers.total) exec jq '.[0].json | add' ;;
        sleep) exec sleep "$(jq '.[0].json')" ;;
    esac
}

synchronize() { # say which tasks run (a JSON list), and what became of the last one
    jq -n --argjson hello "$hello" --argjson running "$1" --slurpfile outcomes outcome \
        --arg status "WORKER_STATUS_$status" --arg lease "$lease" '$ARGS.named' |
        grpcurl -plaintext -max-time 60 -d @ "$address" gdistributed.v1.Scheduler/Synchronize
}

watch() { # while a task takes long: say that it runs, and end it when it is no longer wanted
    while sleep 1 && kill -0 $$; do
        synchronize "[$task]" >seen || continue
        jq -e --argjson task "$task" 'any(.run[]?; .attempt == $task.attempt)' seen || kill "$job"
    done >watched 2>&1
}

while :; do
    synchronize '[]' >answer & wait $! || { : >answer; sleep 1; }
    [ "$(jq -r '.goodbye // empty' answer)" ] || [ "$(date +%s)" -gt $end ] && exit
    [ -s answer ] && : >outcome
    task=$(jq -c '.run[0] // empty | {key, attempt}' answer) && [ "$task" ] || continue
    jq '.run[0].plain_arguments // []' answer >arguments
    call "$(jq -r '.run[0].function.name' answer)" <arguments >out 2>error & job=$!
    watch & watch=$!
    until wait $job; code=$?; ! kill -0 $job 2>log; do :; done
    kill $watch
    [ $code = 0 ] && jq -n --argjson task "$task" '$task + {json: [inputs][0]}' out >outcome 2>error ||
        jq -Rs --argjson task "$task" '$task + {error: {type: "sh", message: .}}' error >outcome
done
