// What becomes of the leaves: the same operations in the same order as in ONNX Runtime, so that
// the bits are the same.
#include <algorithm>
#include <cmath>
#include <limits>

#include "insight/native/plan.h"

namespace mw::native {
namespace {

float logistic_of(float x) {
    const float v = 1.0F / (1.0F + std::exp(-std::abs(x)));
    return x < 0 ? 1.0F - v : v;
}

void softmax_of(float* scores, std::uint32_t count, bool skip_zeros) {
    float most = std::numeric_limits<float>::lowest();
    for (std::uint32_t i = 0; i < count; ++i) most = std::max(most, scores[i]);
    const float at_zero = std::exp(-most);
    float sum = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (skip_zeros && !(scores[i] > 0.0000001F || scores[i] < -0.0000001F)) {
            scores[i] *= at_zero;
            continue;
        }
        scores[i] = std::exp(scores[i] - most);
        sum += scores[i];
    }
    for (std::uint32_t i = 0; i < count; ++i) scores[i] /= sum;
}

void transform(const TreeScores& t) {
    if (t.after == AfterTrees::logistic)
        for (std::uint32_t i = 0; i < t.targets; ++i) t.scores[i] = logistic_of(t.scores[i]);
    if (t.after == AfterTrees::softmax || t.after == AfterTrees::softmax_zero)
        softmax_of(t.scores, t.targets, t.after == AfterTrees::softmax_zero);
}

void add_votes(const TreeScores& t) {
    std::fill_n(t.scores, t.targets, 0.0F);
    std::fill_n(t.scored, t.targets, false);
    for (std::uint32_t tree = 0; tree < t.walk.trees; ++tree) {
        const std::uint32_t leaf = t.walk.leaves[tree];
        for (std::uint32_t vote = t.first[leaf]; vote < t.first[leaf + 1]; ++vote) {
            t.scores[t.target[vote]] += t.weight[vote];
            t.scored[t.target[vote]] = true;
        }
    }
}

// Two classes whose leaves vote for one of them only: the other's score follows from it.
void one_sided(const TreeScores& t) {
    const float score = t.scores[0] + (t.base_values == 1 ? t.base[0] : 0.0F);
    const bool logistic = t.after == AfterTrees::logistic;
    const float other = t.all_positive ? 1.0F - score : -score;
    t.scores[0] = logistic ? logistic_of(-score) : other;
    t.scores[1] = logistic ? logistic_of(score) : score;
}

}  // namespace

void run(const TreeScores& t, const Kernels& kernels) {
    kernels.trees(t.walk);
    if (t.targets == 1) {
        float score = *t.walk.sum;
        if (t.divisor > 0) score /= t.divisor;
        if (t.base_values == 1) score += t.base[0];
        t.out[0] = score;
        return;
    }
    add_votes(t);
    if (t.binary && !t.scored[1] && t.base_values < 2) {
        one_sided(t);
    } else {
        if (t.divisor > 0)
            for (std::uint32_t i = 0; i < t.targets; ++i) t.scores[i] /= t.divisor;
        for (std::uint32_t i = 0; i < t.base_values; ++i) t.scores[i] += t.base[i];
        // A target that no tree voted for is 0 in a regression, whatever its base value.
        for (std::uint32_t i = 0; i < t.targets && !t.classifier; ++i)
            if (!t.scored[i]) t.scores[i] = 0;
        transform(t);
    }
    std::copy_n(t.scores, t.targets, t.out);
}

}  // namespace mw::native
