# Calibration of a made-up prediction on the aSAH data: glm, sandwich (patients: cases of one age) and rms splines.
suppressMessages({library(sandwich); library(rms)})
out <- function(name, value) cat(sprintf("%s,%.17g\n", name, as.numeric(value)), sep = "")
cat("quantity,value\n")
d <- read.csv("aSAH.csv")
y <- as.integer(d$outcome == "Poor")
p <- plogis(-2 + 0.5 * d$wfns + d$s100b)
z <- qlogis(p)
n <- length(y)
large <- glm(y ~ 1, offset = z, family = binomial, control = glm.control(epsilon = 1e-15, maxit = 100))
line <- glm(y ~ z, family = binomial, control = glm.control(epsilon = 1e-15, maxit = 100))
out("intercept", coef(large)); out("intercept se", sqrt(vcov(large)))
out("slope", coef(line)[2]); out("slope se", sqrt(vcov(line)[2, 2]))
out("platt intercept", coef(line)[1])
out("intercept se clustered", sqrt(vcovCL(large, cluster = d$age, type = "HC0", cadjust = TRUE)))
out("slope se clustered", sqrt(vcovCL(line, cluster = d$age, type = "HC0", cadjust = TRUE)[2, 2]))
for (k in 3:5) {
  where <- quantile(z, list("3" = c(.1, .5, .9), "4" = c(.05, .35, .65, .95), "5" = c(.05, .275, .5, .725, .95))[[as.character(k)]])
  basis <- function(x) rcspline.eval(x, knots = where, inclx = TRUE)
  fit <- glm(y ~ basis(z), family = binomial, control = glm.control(epsilon = 1e-15, maxit = 100))
  grid <- seq(plogis(quantile(z, .01)), plogis(quantile(z, .99)), length.out = 5)
  b <- cbind(1, basis(qlogis(grid)))
  centre <- as.vector(b %*% coef(fit))
  se <- sqrt(diag(b %*% vcov(fit) %*% t(b)))
  for (i in 1:5) {
    out(sprintf("curve %d knots observed %d", k, i), plogis(centre[i]))
    out(sprintf("curve %d knots low %d", k, i), plogis(centre[i] - qnorm(.975) * se[i]))
    out(sprintf("curve %d knots high %d", k, i), plogis(centre[i] + qnorm(.975) * se[i]))
  }
  out(sprintf("ici %d knots", k), mean(abs(fitted(fit) - p)))
}
v <- val.prob(p, y, pl = FALSE)
out("brier", v["Brier"]); out("auc", v["C (ROC)"])
iso <- isoreg(p, y)   # ties in p: weighted means first
u <- sort(unique(p)); w <- as.vector(table(p)); m <- as.vector(tapply(y, p, mean))
pava <- function(m, w) { # pool adjacent violators by hand, quadratic
  blocks <- lapply(seq_along(m), function(i) list(m = m[i], w = w[i], k = 1))
  repeat {
    bad <- which(diff(sapply(blocks, `[[`, "m")) < 0)
    if (!length(bad)) break
    i <- bad[1]; a <- blocks[[i]]; b <- blocks[[i + 1]]
    blocks[[i]] <- list(m = (a$m * a$w + b$m * b$w) / (a$w + b$w), w = a$w + b$w, k = a$k + b$k)
    blocks[[i + 1]] <- NULL
  }
  rep(sapply(blocks, `[[`, "m"), sapply(blocks, `[[`, "k"))
}
f <- pava(m, w)
for (i in c(1, 20, 50, length(u))) out(sprintf("isotonic %d", i), f[i])
# Reclassification by Hmisc (Pencina 2008, 2011).
q <- plogis(-2 + 0.6 * d$wfns)
r <- improveProb(x1 = q, x2 = p, y = y)
out("nri", r$nri); out("nri events", r$nri.ev); out("nri nonevents", r$nri.ne)
out("idi", r$idi); out("idi se", r$se.idi)
