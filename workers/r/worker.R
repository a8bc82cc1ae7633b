# An example: gd worker ADDRESS --runtime r="Rscript workers/r/worker.R"

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "gdistributed.R"))

# The line through the logarithms of rank and frequency: by Zipf's law its slope is about -1.
offer("zipf.fit", function(table) {
  table <- as_frame(table)
  table <- table[order(-table$count), , drop = FALSE]
  rank <- seq_len(nrow(table))
  line <- lm(log(count) ~ log(rank), data = table)
  list(
    slope = unname(coef(line)[2]), intercept = unname(coef(line)[1]),
    residual = sigma(line), r_squared = summary(line)$r.squared, words = nrow(table)
  )
}, "Fit a line to ranks and counts: a table with the column count.")

offer("stats.summary", function(x) {
  list(mean = mean(x, na.rm = TRUE), sd = sd(x, na.rm = TRUE), quantiles = as.list(quantile(x, na.rm = TRUE)))
}, "Mean, deviation and quantiles of numbers.")

offer("frame.by", function(table, column, value) {
  table <- as_frame(table)
  means <- aggregate(table[[value]], by = list(table[[column]]), FUN = mean)
  names(means) <- c(column, value)
  means
}, "Mean of one column by another: a table.")

offer("echo", function(x) x, "Give back what came.")

offer("fail", function(message = "as asked") {
  cat("about to fail\n")
  stop(structure(class = c("weather", "error", "condition"), list(message = message, call = sys.call())))
}, "Raise a condition of the class weather.")

serve()
