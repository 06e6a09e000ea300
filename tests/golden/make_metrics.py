#!/usr/bin/env python3
"""Writes metrics.json: values of metrics as scikit-learn, SciPy and PyTorch compute them, or plain Python where they have none.

usage: python make_metrics.py      (needs PyTorch and scikit-learn; the results are committed, so tests do not)
"""

import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from reference import Inputs, pack, save
from scipy import stats
from sklearn import metrics as sk

inputs = Inputs(3)
cases = []


def case(config, prediction, target, value):
    cases.append({"metric": config, "prediction": pack(prediction), "target": pack(target), "value": float(value)})


def edits(a, b):
    """By the recursion of the definition."""
    table = {}

    def d(i, j):
        if i == 0 or j == 0:
            return i + j
        if (i, j) not in table:
            table[i, j] = min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))
        return table[i, j]

    return d(len(a), len(b))


def bleu(pairs, n):
    logs = []
    for k in range(1, n + 1):
        grams = lambda t: Counter(tuple(t[i:i + k]) for i in range(len(t) - k + 1))
        matched = sum(sum((grams(p) & grams(t)).values()) for p, t in pairs)
        logs.append(math.log(matched / sum(sum(grams(p).values()) for p, _ in pairs)))
    c, r = sum(len(p) for p, _ in pairs), sum(len(t) for _, t in pairs)
    return min(1, math.exp(1 - r / c)) * math.exp(sum(logs) / n)


def classification():
    scores, labels = inputs.normal(40, 4), inputs.classes(4, 40)
    scores[torch.arange(40), labels] += 0.7
    best, y = scores.argmax(1).numpy(), labels.numpy()
    confusion = sk.confusion_matrix(y, best)
    rest = confusion.sum() - confusion.sum(0) - confusion.sum(1) + np.diag(confusion)
    for average in ("macro", "micro"):
        case({"precision": {"average": average}}, scores, labels, sk.precision_score(y, best, average=average))
        case({"recall": {"average": average}}, scores, labels, sk.recall_score(y, best, average=average))
        case({"f1": {"average": average}}, scores, labels, sk.f1_score(y, best, average=average))
        case({"dice": {"average": average}}, scores, labels, sk.f1_score(y, best, average=average))
        case({"iou": {"average": average}}, scores, labels, sk.jaccard_score(y, best, average=average))
    case({"specificity": {}}, scores, labels, (rest / (confusion.sum() - confusion.sum(1))).mean())
    case({"specificity": {"average": "micro"}}, scores, labels, rest.sum() / (4 * 40 - 40))
    case({"balanced_accuracy": {}}, scores, labels, sk.balanced_accuracy_score(y, best))
    case({"matthews": {}}, scores, labels, sk.matthews_corrcoef(y, best))
    case({"cohen_kappa": {}}, scores, labels, sk.cohen_kappa_score(y, best))
    for weights in ("linear", "quadratic"):
        case({"cohen_kappa": weights}, scores, labels, sk.cohen_kappa_score(y, best, weights=weights))
    case({"accuracy": {}}, scores, labels, sk.accuracy_score(y, best))
    case({"top_k": 2}, scores, labels, sk.top_k_accuracy_score(y, scores.numpy(), k=2))
    probabilities = scores.softmax(1)
    one_hot = F.one_hot(labels, 4).numpy()
    case({"auroc": {}}, scores, labels, sk.roc_auc_score(y, probabilities.numpy(), multi_class="ovr", average="macro"))
    case({"auroc": {"logits": False}}, probabilities, labels, sk.roc_auc_score(y, probabilities.numpy(), multi_class="ovr"))
    case({"average_precision": {}}, scores, labels, sk.average_precision_score(one_hot, probabilities.numpy(), average="macro"))

    binary, truth = (inputs.normal(60, 1) * 4).round() / 4, inputs.classes(2, 60, 1)  # coarse: many equal scores
    binary = binary + truth * 0.5
    flat, t = binary.flatten().numpy(), truth.flatten().numpy()
    case({"auroc": {}}, binary, truth.double(), sk.roc_auc_score(t, flat))
    case({"average_precision": {}}, binary, truth.double(), sk.average_precision_score(t, flat))
    case({"binary_accuracy": 0.25}, binary, truth.double(), sk.accuracy_score(t, flat > 0.25))
    case({"binary_precision": 0.25}, binary, truth.double(), sk.precision_score(t, flat > 0.25))
    case({"binary_recall": 0.25}, binary, truth.double(), sk.recall_score(t, flat > 0.25))
    case({"binary_f1": 0.25}, binary, truth.double(), sk.f1_score(t, flat > 0.25))
    case({"binary_iou": 0.25}, binary, truth.double(), sk.jaccard_score(t, flat > 0.25))


def language():
    logits, labels = inputs.normal(5, 7, 6), inputs.classes(7, 5, 6)  # [N, C, T]
    labels[2, 3:] = -100
    labels[4] = -100
    counted = labels != -100
    nll = F.cross_entropy(logits, labels)
    last = logits.transpose(1, 2).contiguous()
    best = logits.argmax(1)
    accuracy = (best == labels)[counted].double().mean()
    right = [bool((best[i] == labels[i])[counted[i]].all()) for i in range(4)]
    for config, prediction in (({}, logits), ({"class_dim": -1}, last)):
        case({"perplexity": config}, prediction, labels, nll.exp())
        case({"bits_per_token": config}, prediction, labels, nll / math.log(2))
        case({"accuracy": config}, prediction, labels, accuracy)
        case({"exact_match": config}, prediction, labels, sum(right) / 4)
        case({"iou": config}, prediction, labels, sk.jaccard_score(labels[counted], best[counted], average="macro"))
    sure = F.one_hot(labels.clamp(min=0), 7).double()
    sure[1, 0], sure[2, 5] = torch.eye(7).double()[(labels[1, 0] + 1) % 7], torch.eye(7).double()[6]
    case({"exact_match": {"class_dim": -1}}, sure, labels, 3 / 4)


def sequences():
    predicted, actual = inputs.classes(5, 6, 12), inputs.classes(5, 6, 10)
    actual[:, :6] = predicted[:, 2:8]  # so that longer n-grams match
    actual[1, 7:] = -100
    predicted[3, 9:] = 4
    lists = [([int(v) for v in p], [int(v) for v in t if v != -100]) for p, t in zip(predicted, actual)]
    scores = F.one_hot(predicted, 5).double()
    distance = [edits(p, t) for p, t in lists]
    case({"edit_distance": {}}, predicted, actual, sum(distance) / 6)
    case({"edit_distance": {"class_dim": -1}}, scores, actual, sum(distance) / 6)
    case({"edit_distance": {}}, scores.transpose(1, 2).contiguous(), actual, sum(distance) / 6)
    case({"word_error_rate": {}}, predicted, actual, sum(distance) / sum(len(t) for _, t in lists))
    case({"bleu": {}}, predicted, actual, bleu(lists, 4))
    case({"bleu": {"max_n": 2, "class_dim": -1}}, scores, actual, bleu(lists, 2))

    def until(tokens):
        return tokens[:tokens.index(4)] if 4 in tokens else tokens

    ended = [(until(p), until(t)) for p, t in lists]
    case({"edit_distance": {"end": 4}}, predicted, actual, sum(edits(p, t) for p, t in ended) / 6)

    def words(tokens):
        return [w for w in "".join(map(str, tokens)).split("0") if w]

    worded = [(words(p), words(t)) for p, t in lists]
    case({"word_error_rate": {"separator": 0}}, predicted, actual,
         sum(edits(p, t) for p, t in worded) / sum(len(t) for _, t in worded))

    def collapse(tokens):
        return [t for i, t in enumerate(tokens) if t != 0 and (i == 0 or tokens[i - 1] != t)]

    targets = actual.where(actual != 0, -100)
    unblanked = [(collapse(p), [int(v) for v in t if v != -100]) for (p, _), t in zip(lists, targets)]
    case({"edit_distance": {"blank": 0}}, predicted, targets, sum(edits(p, t) for p, t in unblanked) / 6)


def recommendation():
    scores, wanted = inputs.normal(25, 30), inputs.classes(30, 25)
    place = [(scores[i] > scores[i, wanted[i]]).sum().item() for i in range(25)]
    assert len({float(v) for v in scores[0]}) == 30
    case({"hit_rate": {}}, scores, wanted, sum(p < 10 for p in place) / 25)
    case({"hit_rate": 5}, scores, wanted, sum(p < 5 for p in place) / 25)
    case({"mrr": {}}, scores, wanted, sum(1 / (p + 1) for p in place if p < 10) / 25)
    relevant = F.one_hot(wanted, 30).numpy()
    case({"ndcg": {}}, scores, wanted, sk.ndcg_score(relevant, scores.numpy(), k=10))
    graded = inputs.classes(4, 25, 30)
    graded[3] = 0
    case({"ndcg": {"k": 7}}, scores, graded.double(), sk.ndcg_score(graded.numpy(), scores.numpy(), k=7))
    points, labels = inputs.normal(50, 4), inputs.classes(3, 50)
    points[torch.arange(50), labels] += 1.0
    for name, pairs in (("cosine", sk.pairwise_distances(points.numpy(), metric="cosine")),
                        ("euclidean", sk.pairwise_distances(points.numpy()))):
        np.fill_diagonal(pairs, np.inf)
        near = labels.numpy()[pairs.argsort(1)]
        for k in (1, 3):
            case({"retrieval_accuracy": {"k": k, "distance": name}}, points, labels,
                 (near[:, :k] == labels.numpy()[:, None]).any(1).mean())


def regression():
    t = inputs.normal(30, 2) + 3
    p = t * 0.8 + inputs.normal(30, 2) * 0.5 + 0.5
    p, t = (p * 8).round() / 8, (t * 8).round() / 8  # equal values for the ranks
    a, b = p.numpy(), t.numpy()
    case({"mae": {}}, p, t, sk.mean_absolute_error(b, a))
    case({"rmse": {}}, p, t, sk.root_mean_squared_error(b.ravel(), a.ravel()))
    case({"r2": {}}, p, t, sk.r2_score(b, a))
    case({"explained_variance": {}}, p, t, sk.explained_variance_score(b, a))
    case({"mean_relative_error": {}}, p, t, sk.mean_absolute_percentage_error(b, a))
    case({"pearson": {}}, p, t, np.mean([stats.pearsonr(a[:, i], b[:, i])[0] for i in range(2)]))
    case({"spearman": {}}, p, t, np.mean([stats.spearmanr(a[:, i], b[:, i])[0] for i in range(2)]))
    case({"psnr": {}}, p, t, 10 * math.log10(1 / sk.mean_squared_error(b, a)))
    case({"psnr": 255}, p, t, 10 * math.log10(255**2 / sk.mean_squared_error(b, a)))


classification()
language()
sequences()
recommendation()
regression()
save("metrics.json", {"cases": cases})
