#include <algorithm>

#include "insight/detectors/algorithms.h"

namespace mw::detectors {
namespace {

constexpr std::size_t folds = 5;
constexpr std::size_t learnt_from_max = 20'000;  // windows, evenly spread

std::size_t fold_of(const Windows& windows, std::size_t window, std::size_t runs) {
    return runs >= 3 ? windows.recording[window] % folds : window * folds / windows.size();
}

std::vector<std::size_t> thinned(std::vector<std::size_t> which) {
    if (which.size() <= learnt_from_max) return which;
    std::vector<std::size_t> kept(learnt_from_max);
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = which[i * which.size() / kept.size()];
    return kept;
}

// Windows of other folds that share no row with one of this fold.
std::vector<std::size_t> others_than(const Windows& windows, std::size_t fold, std::size_t runs,
                                     std::size_t apart) {
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const auto near = [&](std::size_t j) {
            return windows.recording[j] == windows.recording[i] &&
                   fold_of(windows, j, runs) == fold;
        };
        const std::size_t before = i >= apart ? i - apart : 0;
        const std::size_t after = std::min(i + apart, windows.size() - 1);
        if (!near(i) && !near(before) && !near(after)) others.push_back(i);
    }
    return others;
}

}  // namespace

Fitted fit_crosswise(const Windows& windows, const TrainOptions& options, const Learn& learn) {
    const std::size_t runs = windows.size() == 0 ? 0 : windows.recording.back() + 1;
    const std::size_t apart = (options.window_rows + options.every - 1) / options.every;
    Fitted fitted;
    fitted.distances.resize(windows.size());
    for (std::size_t fold = 0; fold < folds; ++fold) {
        const auto others = thinned(others_than(windows, fold, runs, apart));
        if (others.empty()) continue;
        const auto judge = learn(windows, others, options);
        for (std::size_t i = 0; i < windows.size(); ++i)
            if (fold_of(windows, i, runs) == fold)
                fitted.distances[i] = judge->distance(windows.at(i));
    }
    std::vector<std::size_t> all(windows.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    const std::shared_ptr<Judge> judge = learn(windows, thinned(std::move(all)), options);
    fitted.facts = judge->facts();
    fitted.graph = [judge](double threshold) { return judge->graph(threshold); };
    return fitted;
}

}  // namespace mw::detectors
