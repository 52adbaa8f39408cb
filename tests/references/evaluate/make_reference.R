# The evaluation of predictions.csv by R: pROC (DeLong), stats::glm (calibration), metafor (random effects), stats::p.adjust (Holm).
suppressMessages({library(pROC); library(metafor); library(jsonlite)})
folder <- commandArgs(trailingOnly = TRUE)[1]
d <- read.csv(file.path(folder, "predictions.csv"), colClasses = c(centre = "character", fold = "character"))
models <- unique(d$model)
strata <- list(development = d$split == "development", external = d$split == "external")
for (c in sort(unique(d$centre[d$split == "external"]))) strata[[paste0("centre:", c)]] <- d$split == "external" & d$centre == c
curve <- function(rows) roc(rows$label, rows$probability, direction = "<", levels = c(0, 1), quiet = TRUE)
clip <- function(p) qlogis(pmin(pmax(p, 1e-6), 1 - 1e-6))
metrics <- list(); comparisons <- list(); youden <- list(); recalibration <- list(); decision <- list()
for (m in models) {
  dev <- d[strata$development & d$model == m, ]
  best <- coords(curve(dev), "best", best.method = "youden", transpose = FALSE)
  youden[[m]] <- list(sensitivity = max(best$sensitivity + best$specificity) - 1)
  platt <- glm(label ~ clip(probability), binomial, dev, control = list(epsilon = 1e-14))
  recalibration[[m]] <- list(intercept = unname(coef(platt)[1]), slope = unname(coef(platt)[2]))
  for (s in names(strata)) {
    rows <- d[strata[[s]] & d$model == m, ]
    r <- curve(rows)
    slope <- glm(label ~ clip(probability), binomial, rows, control = list(epsilon = 1e-14))
    large <- glm(label ~ offset(clip(probability)), binomial, rows, control = list(epsilon = 1e-14))
    metrics[[length(metrics) + 1]] <- list(
      model = m, stratum = s, auc = as.numeric(auc(r)), se = sqrt(var(r, method = "delong")),
      brier = mean((rows$probability - rows$label)^2),
      slope = unname(coef(slope)[2]), slope_se = unname(sqrt(vcov(slope)[2, 2])), intercept = unname(coef(large)[1]),
      new_brier = mean((plogis(predict(platt, rows)) - rows$label)^2))
    new <- plogis(recalibration[[m]]$intercept + recalibration[[m]]$slope * clip(rows$probability))
    t <- 0.3
    decision[[length(decision) + 1]] <- list(model = m, stratum = s, threshold = t,
      net_benefit = (sum(new >= t & rows$label == 1) - sum(new >= t & rows$label == 0) * t / (1 - t)) / nrow(rows))
  }
}
for (s in names(strata)) {
  pairs <- combn(models, 2)
  found <- lapply(seq_len(ncol(pairs)), function(i) {
    a <- d[strata[[s]] & d$model == pairs[1, i], ]; b <- d[strata[[s]] & d$model == pairs[2, i], ]
    a <- a[order(a$case_id), ]; b <- b[order(b$case_id), ]
    test <- roc.test(curve(a), curve(b), method = "delong", paired = TRUE)
    list(stratum = s, a = pairs[1, i], b = pairs[2, i], z = unname(test$statistic), p = test$p.value,
         low = test$conf.int[1], high = test$conf.int[2])
  })
  rest <- p.adjust(sapply(found[-1], function(x) x$p), "holm")  # the first pair is the primary one
  for (i in seq_along(found)) found[[i]]$p_holm <- if (i == 1) NA else rest[i - 1]
  comparisons <- c(comparisons, found)
}
pooled <- lapply(models, function(m) {
  rows <- Filter(function(x) x$model == m && startsWith(x$stratum, "centre:"), metrics)
  a <- sapply(rows, function(x) x$auc); se <- sapply(rows, function(x) x$se)
  fit <- rma(yi = qlogis(a), sei = se / (a * (1 - a)), method = "REML", test = "adhoc", control = list(threshold = 1e-12, maxiter = 10000))
  list(model = m, value = plogis(as.numeric(fit$beta)), low = plogis(fit$ci.lb), high = plogis(fit$ci.ub), tau2 = fit$tau2, q = fit$QE, p = fit$QEp)
})
write_json(list(pROC = as.character(packageVersion("pROC")), metafor = as.character(packageVersion("metafor")), R = R.version.string,
                metrics = metrics, comparisons = comparisons, youden = youden, recalibration = recalibration,
                decision = decision, heterogeneity = pooled),
           file.path(folder, "reference.json"), digits = NA, auto_unbox = TRUE, pretty = TRUE)
