# Functions in R as tasks of a gdistributed cluster. A worker in R is a script:
#
#   source("gdistributed.R")
#   offer("stats.mean", function(x) mean(x), "Mean of numbers.")
#   serve()
#
# and runs as: gd worker ADDRESS --runtime r="Rscript worker.R"
#
# It speaks the line protocol of docs/subprocess-runtimes.md. Values are JSON: vectors are arrays (one of
# length 1 is a plain value), lists with names are objects, data frames are objects of columns, NULL is
# null, NA is null within an array. A condition that is not handled fails the task. Whatever R prints goes
# to standard error, which is the worker's log.

suppressPackageStartupMessages(library(jsonlite))

.offered <- new.env()

# Offer a function by name.
offer <- function(name, fun, description = "", version = "") {
  stopifnot(is.character(name), is.function(fun))
  assign(name, list(fun = fun, description = description, version = version), envir = .offered)
  invisible(fun)
}

# Turn a value that looks like columns of one length into a data frame.
as_frame <- function(columns) as.data.frame(columns, stringsAsFactors = FALSE)

# Answer calls until the worker ends.
serve <- function() {
  input <- file("stdin", open = "rb")
  output <- file("/dev/stdout", open = "wb", raw = TRUE) # a pipe, and no ordinary file
  sink(stderr()) # what functions print is for people, and must not come between messages
  .say(output, list(hello = list(
    protocol = 1, version = paste(R.version$major, R.version$minor, sep = "."),
    decodes = I(c("json", "raw")), encodes = I(c("json", "raw")), functions = .descriptions()
  )))
  repeat {
    line <- readLines(input, n = 1, warn = FALSE, encoding = "UTF-8")
    if (length(line) == 0) break
    call <- fromJSON(sub("^[0-9]+ ", "", line), simplifyVector = FALSE)
    attachments <- lapply(call$attachments, function(n) readBin(input, "raw", n))
    .say_all(output, .answer(call, attachments))
  }
}

.descriptions <- function() {
  lapply(sort(ls(.offered)), function(name) {
    it <- get(name, envir = .offered)
    list(name = name, description = it$description, version = it$version)
  })
}

# Make a call, and return the message that answers it, with the bytes that follow it.
.answer <- function(call, attachments) {
  trace <- NULL
  tryCatch(
    withCallingHandlers(
      {
        it <- get0(call[["function"]], envir = .offered)
        if (is.null(it)) stop("no function ", call[["function"]], " is offered")
        here <- new.env()
        assign(call[["function"]], it$fun, envir = here) # so that it has a name in tracebacks
        args <- .arguments(call$arguments, attachments)
        value <- do.call(call[["function"]], args, envir = here)
        .result(call$call, value)
      },
      error = function(condition) trace <<- sys.calls()
    ),
    error = function(condition) {
      list(list(call = call$call, error = list(
        type = class(condition)[1], message = conditionMessage(condition),
        traceback = .traceback(trace)
      )))
    }
  )
}

.arguments <- function(said, attachments) {
  values <- lapply(said, function(each) {
    if (!is.null(each$codec)) attachments[[each$attachment + 1]] else .simplified(each$value)
  })
  names(values) <- vapply(said, function(each) if (is.null(each$name)) "" else each$name, "")
  values
}

# Arrays of plain values are vectors; what is left are lists.
.simplified <- function(value) {
  if (!is.list(value)) return(value)
  if (length(value) == 0) return(value)
  inside <- lapply(value, .simplified)
  if (!is.null(names(value))) return(inside)
  plain <- vapply(inside, function(each) is.null(each) || (is.atomic(each) && length(each) == 1), NA)
  # A null among numbers is NA; an array of one kind is a vector.
  kinds <- unique(vapply(inside[plain], function(each) if (is.null(each)) "" else .kind(each), ""))
  if (!all(plain) || length(setdiff(kinds, "")) != 1) return(inside)
  unlist(lapply(inside, function(each) if (is.null(each)) NA else each))
}

.kind <- function(value) if (is.numeric(value)) "number" else class(value)[1]

.result <- function(number, value) {
  if (is.raw(value)) {
    head <- list(call = number, codec = "raw", attachment = 0, attachments = I(length(value)))
    return(list(head, value))
  }
  list(list(call = number, value = .plain(value)))
}

# What R knows and JSON does not: factors, dates and rownames.
.plain <- function(value) {
  if (is.data.frame(value)) return(lapply(as.list(value), function(column) I(.plain(column))))
  if (is.factor(value)) return(as.character(value))
  if (inherits(value, c("Date", "POSIXt"))) return(format(value))
  if (is.list(value)) return(lapply(value, .plain))
  if (is.atomic(value) && !is.null(names(value))) return(as.list(value))
  if (is.function(value) || is.environment(value)) {
    stop("a ", class(value)[1], " cannot be said in JSON: return vectors, lists or data frames")
  }
  value
}

# The calls between ours and the condition, the innermost first, as R shows them.
.traceback <- function(calls) {
  lines <- vapply(calls, function(each) substr(deparse(each, nlines = 1)[1], 1, 200), "")
  begins <- which(startsWith(lines, "do.call("))
  if (!length(begins)) return("")
  lines <- lines[-seq_len(begins[1])]
  handlers <- "^(\\(function \\(condition\\)|\\.handleSimpleError|h\\()"
  paste(rev(lines[!grepl(handlers, lines)]), collapse = "\n")
}

.say_all <- function(output, answer) {
  tryCatch(
    .say(output, answer[[1]]),
    error = function(condition) {
      .say(output, list(call = answer[[1]]$call, error = list(
        type = class(condition)[1], message = conditionMessage(condition)
      )))
    }
  )
  if (length(answer) > 1) writeBin(answer[[2]], output)
  flush(output)
}

.say <- function(output, message) {
  text <- enc2utf8(as.character(toJSON(
    message, auto_unbox = TRUE, digits = NA, null = "null", na = "null", dataframe = "columns"
  )))
  data <- charToRaw(text)
  writeBin(c(charToRaw(sprintf("%d ", length(data))), data, charToRaw("\n")), output)
  flush(output)
}
