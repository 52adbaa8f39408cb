# Odds ratios and an elastic net by R, for the models of tables.
#
#     Rscript tests/references/tabular/models.R tests/references/tabular
#
# R 4.2.2 with Hmisc (rcspline.eval, Harrell's spline), sandwich (vcovCL, Liang & Zeger) and glmnet 4.1-6.
suppressPackageStartupMessages({ library(Hmisc); library(sandwich); library(glmnet) })
out <- commandArgs(trailingOnly = TRUE)[1]
set.seed(20260102)
n <- 320
patient <- sort(sample(1:240, n, replace = TRUE))
age <- round(pmin(pmax(rnorm(n, 34, 18), 1), 90), 1)
sex <- ifelse(runif(n) < 0.55, "F", "M")
site <- sample(c("femur", "hand", "humerus", "tibia"), n, replace = TRUE, prob = c(0.4, 0.15, 0.15, 0.3))
shared <- matrix(rnorm(n * 3), n)
x <- shared[, c(1, 1, 1, 2, 2, 2, 3, 3, 3, 1)] * 0.8 + matrix(rnorm(n * 10), n) * 0.6
colnames(x) <- paste0("f", 1:10)
eta <- -1.2 + 0.04 * abs(age - 30) + 0.5 * (sex == "M") - 0.9 * (site == "hand") + 0.8 * x[, 1] - 0.6 * x[, 5]
y <- as.integer(runif(n) < plogis(eta))
cases <- data.frame(patient, age, sex, site, x, y)
write.csv(format(cases, digits = 15, trim = TRUE), file.path(out, "cases.csv"), row.names = FALSE, quote = FALSE)
cases <- read.csv(file.path(out, "cases.csv"))

# Odds ratios: age by a restricted cubic spline with four knots at Harrell's quantiles, from its lower to its upper quartile.
knots <- unname(quantile(cases$age, c(0.05, 0.35, 0.65, 0.95)))
basis <- function(a) rcspline.eval(a, knots = knots, inclx = TRUE)
quartiles <- unname(quantile(cases$age, c(0.25, 0.75)))
cases$site <- relevel(factor(cases$site), ref = names(which.max(table(cases$site))))
fit <- glm(y ~ basis(age) + sex + site, family = binomial, data = cases, control = list(epsilon = 1e-14, maxit = 100))
rows <- function(covariance, label) {
  b <- coef(fit)
  jump <- basis(quartiles); jump <- jump[2, ] - jump[1, ]
  spline <- 2:4
  contrast <- rep(0, length(b)); contrast[spline] <- jump
  one <- function(term, change, tested) {
    effect <- sum(change * b); se <- sqrt(drop(t(change) %*% covariance %*% change))
    wald <- drop(t(b[tested]) %*% solve(covariance[tested, tested], b[tested]))
    data.frame(covariance = label, term = term, odds_ratio = exp(effect), low = exp(effect - qnorm(0.975) * se),
               high = exp(effect + qnorm(0.975) * se), p = pchisq(wald, length(tested), lower.tail = FALSE))
  }
  unit <- function(i) replace(rep(0, length(b)), i, 1)
  rbind(one("age", contrast, spline), do.call(rbind, lapply(5:length(b), function(i) one(names(b)[i], unit(i), i))))
}
odds <- rbind(rows(vcov(fit), "model"),
              rows(vcovCL(fit, cluster = cases$patient, type = "HC0", cadjust = TRUE), "patients"))
write.csv(format(odds, digits = 15, trim = TRUE), file.path(out, "odds.csv"), row.names = FALSE, quote = FALSE)
write.csv(format(data.frame(knots, quartile = c(quartiles, NA, NA)), digits = 15, trim = TRUE),
          file.path(out, "knots.csv"), row.names = FALSE, quote = FALSE)

# The elastic net, features as they are.
x <- as.matrix(cases[, paste0("f", 1:10)])
paths <- do.call(rbind, lapply(c(0.1, 0.5, 1), function(alpha) {
  lambda <- exp(seq(log(0.2), log(0.001), length.out = 8))
  net <- glmnet(x, cases$y, family = "binomial", alpha = alpha, lambda = lambda, standardize = FALSE, thresh = 1e-14,
                maxit = 1e7)
  data.frame(mixing = alpha, strength = net$lambda, intercept = net$a0, t(as.matrix(net$beta)))
}))
write.csv(format(paths, digits = 15, trim = TRUE), file.path(out, "paths.csv"), row.names = FALSE, quote = FALSE)
