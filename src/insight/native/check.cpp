#include "insight/native/check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace mw::native {
namespace {

constexpr std::size_t rows_min = 8, rows_max = 128;
constexpr float infinite = std::numeric_limits<float>::infinity();

// The same rows for the same model, on every machine.
class RowMaker {
 public:
    RowMaker(const Plan& plan, std::size_t width) : row_(width) {
        for (const Edge& edge : plan.edges) by_feature_.push_back(edge);
        std::sort(by_feature_.begin(), by_feature_.end(),
                  [](const Edge& a, const Edge& b) { return a.feature < b.feature; });
    }

    std::span<const float> row(std::size_t number) {
        for (std::size_t i = 0; i < row_.size(); ++i) row_[i] = value(number, i);
        // What networks make of a number that is none is theirs: ONNX Runtime's LSTM turns NaN into
        // numbers.
        constexpr float odd[] = {std::numeric_limits<float>::quiet_NaN(), infinite, -infinite};
        if (number % 4 == 3 && !by_feature_.empty())
            for (std::size_t i = 0; i <= row_.size() / 8; ++i)
                row_[next() % row_.size()] = odd[next() % 3];
        return row_;
    }

 private:
    std::uint64_t next() {  // splitmix64
        std::uint64_t x = state_ += 0x9e3779b97f4a7c15u;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return x ^ (x >> 31);
    }
    float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24F; }

    float value(std::size_t number, std::size_t feature) {
        if (number == 0) return 0;
        if (const auto edge = edge_of(feature); edge && next() % 8 != 0) {
            const float beside[] = {*edge, std::nextafter(*edge, infinite),
                                    std::nextafter(*edge, -infinite)};
            return beside[next() % 3];
        }
        const float normal = uniform() + uniform() + uniform() + uniform() - 2;  // nearly
        return by_feature_.empty() || number % 3 != 2 ? 2 * normal : 8 * normal;
    }

    std::optional<float> edge_of(std::size_t feature) {
        const auto less = [](const Edge& edge, std::size_t f) { return edge.feature < f; };
        const auto first = std::lower_bound(by_feature_.begin(), by_feature_.end(), feature, less);
        const auto last = std::lower_bound(first, by_feature_.end(), feature + 1, less);
        if (first == last) return std::nullopt;
        return (first +
                static_cast<std::ptrdiff_t>(next() % static_cast<std::uint64_t>(last - first)))
            ->threshold;
    }

    std::vector<float> row_;
    std::vector<Edge> by_feature_;
    std::uint64_t state_ = 1;
};

}  // namespace

bool agrees(float ours, float theirs, float slack) {
    if (std::isnan(ours) || std::isnan(theirs)) return std::isnan(ours) && std::isnan(theirs);
    if (std::bit_cast<std::uint32_t>(ours) == std::bit_cast<std::uint32_t>(theirs)) return true;
    if (slack == 0) return false;
    return ours == theirs || std::abs(ours - theirs) <= slack * (1e-6F + 1e-5F * std::abs(theirs));
}

Result<std::string> difference(NativeModel& ours, inference::Model& theirs, Clock& clock,
                               nanoseconds most) {
    if (ours.input_size() != theirs.input_size() || ours.output_size() != theirs.output_size())
        return "it takes " + std::to_string(theirs.input_size()) + " numbers and gives " +
               std::to_string(theirs.output_size()) + ", the native engine " +
               std::to_string(ours.input_size()) + " and " + std::to_string(ours.output_size());
    RowMaker maker(ours.plan(), ours.input_size());
    std::vector<float> got(ours.output_size()), want(ours.output_size());
    // A graph that was misunderstood is off by much more than this; sums whose parts cancel may be
    // off by more than 1 when neither engine is wrong.
    const float slack = ours.plan().exact ? 0 : 10;
    const SteadyTime until = clock.steady() + most;
    for (std::size_t number = 0; number < rows_max; ++number) {
        if (number >= rows_min && clock.steady() > until) break;
        const auto row = maker.row(number);
        TRY_VOID(ours.run(row, got));
        TRY_VOID(theirs.run(row, want));
        for (std::size_t i = 0; i < got.size(); ++i)
            if (!agrees(got[i], want[i], slack))
                return "output " + std::to_string(i) + " of test row " + std::to_string(number) +
                       " is " + std::to_string(want[i]) + ", natively " + std::to_string(got[i]);
    }
    return std::string();
}

}  // namespace mw::native
