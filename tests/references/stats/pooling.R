# Random-effects pooling by metafor of five centres' values.
suppressMessages(library(metafor))
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
y <- c(0.81, 1.24, 0.35, 1.02, 0.66); s <- c(0.12, 0.20, 0.15, 0.31, 0.09)
for (m in c("REML", "DL", "FE")) for (knha in c(FALSE, TRUE)) {
  if (m == "FE" && knha) next
  f <- rma(y, sei = s, method = m, test = if (knha) "knha" else "z", control = list(threshold = 1e-14, maxiter = 1000))
  key <- paste(tolower(m), if (knha) "knapp" else "normal")
  out(paste(key, "value"), f$beta); out(paste(key, "se"), f$se); out(paste(key, "low"), f$ci.lb)
  out(paste(key, "high"), f$ci.ub); out(paste(key, "tau2"), f$tau2); out(paste(key, "i2"), f$I2 / 100)
  out(paste(key, "q"), f$QE); out(paste(key, "p"), f$QEp)
  if (m != "FE") {
    # Higgins 2009 and Riley 2011: k - 2 degrees of freedom (metafor 3.8 prints the one with k - 1 or the normal one).
    half <- qt(.975, length(y) - 2) * sqrt(f$tau2 + f$se^2)
    out(paste(key, "prediction low"), f$beta - half); out(paste(key, "prediction high"), f$beta + half)
  }
}
