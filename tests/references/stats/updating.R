# The closed testing procedure for updating a logistic model (Vergouwe 2017, Stat Med 36:4529), by glm: log-likelihoods of
# the original model, of a new intercept, of intercept and slope, of all coefficients; their tests and the choice.
#   Rscript updating.R > updating.csv   (base R; the patients of aSAH.csv, and models that were not made from them)
d <- read.csv("aSAH.csv")
d$y <- as.integer(d$outcome == "Poor"); d$s <- log(d$s100b + 0.01); d$w <- d$wfns; d$a <- d$age / 10
X <- as.matrix(d[, c("s", "w", "a")])
out <- function(name, value) cat(sprintf("%s,%.15g\n", name, as.numeric(value)), sep = "")
control <- glm.control(epsilon = 1e-14, maxit = 100)
cat("quantity,value\n")
models <- list(sound = c(-2.15, 0.6, 0.7, 0.1), bold = c(-4.5, 1.8, 1.7, 0.4), low = c(-5.2, 0.6, 0.7, 0.1), other = c(0, 0, -0.4, 0.3))
for (name in names(models)) {
  lp <- drop(cbind(1, X) %*% models[[name]])
  fits <- list(intercept = glm(d$y ~ 1, offset = lp, family = binomial, control = control),
               slope = glm(d$y ~ lp, family = binomial, control = control),
               refit = glm(d$y ~ X, family = binomial, control = control))
  own <- sum(d$y * lp - log1p(exp(lp)))
  loglik <- c(none = own, sapply(fits, function(f) as.numeric(logLik(f))))
  df <- c(none = ncol(X) + 1, intercept = ncol(X), slope = ncol(X) - 1)
  chosen <- "refit"
  for (simpler in rev(names(df))) {
    lr <- 2 * (loglik["refit"] - loglik[simpler]); p <- pchisq(lr, df[simpler], lower.tail = FALSE)
    out(paste(name, simpler, "statistic"), lr); out(paste(name, simpler, "df"), df[simpler]); out(paste(name, simpler, "p"), p)
  }
  for (simpler in names(df)) {
    p <- pchisq(2 * (loglik["refit"] - loglik[simpler]), df[simpler], lower.tail = FALSE)
    if (p >= 0.05) { chosen <- simpler; break }
  }
  out(paste(name, "chosen"), match(chosen, c("none", "intercept", "slope", "refit")))
  out(paste(name, "new intercept"), coef(fits$intercept))
  out(paste(name, "slope's intercept"), coef(fits$slope)[1]); out(paste(name, "slope"), coef(fits$slope)[2])
  for (k in seq_len(nrow(X))[c(1, 50, 113)]) out(paste(name, "refitted", k), fitted(fits$refit)[k])
}
# Each patient twice, and the weight of one shared by two: the same likelihoods.
two <- rbind(d, d); lp <- rep(drop(cbind(1, X) %*% models$low), 2)
halved <- suppressWarnings(glm(two$y ~ lp, family = binomial, weights = rep(0.5, nrow(two)), control = control))
out("twice slope", coef(halved)[2])
