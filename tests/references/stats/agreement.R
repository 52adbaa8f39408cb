# Agreement: psych for the intraclass correlations (data of Shrout & Fleiss 1979), vcd for kappa and its standard error.
suppressMessages({library(psych); library(vcd)})
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
x <- matrix(c(9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7), ncol = 4, byrow = TRUE)
i <- ICC(x, lmer = FALSE)$results
for (k in seq_len(nrow(i))) {
  out(paste(i$type[k], "value"), i$ICC[k]); out(paste(i$type[k], "low"), i$`lower bound`[k])
  out(paste(i$type[k], "high"), i$`upper bound`[k])
}
t <- as.table(matrix(c(53, 5, 2, 11, 14, 5, 1, 6, 3), ncol = 3, byrow = TRUE)) # rows reader a, columns reader b
for (w in c("Equal-Spacing", "Fleiss-Cohen")) {
  k <- Kappa(t, weights = w)
  out(paste(w, "plain value"), k$Unweighted[1]); out(paste(w, "plain se"), k$Unweighted[2])
  out(paste(w, "weighted value"), k$Weighted[1]); out(paste(w, "weighted se"), k$Weighted[2])
}
