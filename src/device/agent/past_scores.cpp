#include "device/agent/past_scores.h"

#include <algorithm>
#include <bit>

namespace mw::agent {
namespace {

constexpr std::uint8_t past_scores_version = 1;
constexpr std::size_t past_scores_head = 1, past_score_bytes = 19;

}  // namespace

void PastScores::add(const PastScore& score) {
    scores_.push_back(score);
    while (scores_.size() > kept_max * models_.size()) scores_.pop_front();
    given_ = scores_.size();
}

void PastScores::replay(Timestamp until, const std::function<void(const PastScore&)>& give) {
    for (; given_ < scores_.size() && scores_[given_].time <= until; ++given_)
        give(scores_[given_]);
}

Bytes PastScores::checkpoint() const {
    Bytes bytes(past_scores_head + scores_.size() * past_score_bytes);
    bytes[0] = past_scores_version;
    std::uint8_t* at = bytes.data() + past_scores_head;
    for (const PastScore& score : scores_) {
        const auto model = std::ranges::find(models_, score.model) - models_.begin();
        store_le(at, static_cast<std::uint16_t>(model));
        store_le(at + 2, score.time.ns);
        store_le(at + 10, std::bit_cast<std::uint64_t>(score.score));
        at[18] = score.quality.code;
        at += past_score_bytes;
    }
    return bytes;
}

void PastScores::restore(const Bytes& checkpoint) {
    scores_.clear();
    given_ = 0;
    if (checkpoint.empty() || checkpoint[0] != past_scores_version ||
        (checkpoint.size() - past_scores_head) % past_score_bytes != 0)
        return;
    for (std::size_t i = past_scores_head; i < checkpoint.size(); i += past_score_bytes) {
        const std::uint8_t* at = checkpoint.data() + i;
        const auto model = load_le<std::uint16_t>(at);
        if (model >= models_.size()) continue;  // of a version that took more
        scores_.push_back({models_[model],
                           {load_le<std::int64_t>(at + 2)},
                           std::bit_cast<double>(load_le<std::uint64_t>(at + 10)),
                           {at[18]}});
    }
}

}  // namespace mw::agent
