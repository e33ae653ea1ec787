#include "insight/native/plan.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace mw::native {
namespace {

constexpr std::size_t line = 64;

void run_step(const Dense& step, const Kernels& kernels) { kernels.dense(step); }
void run_step(const Softmax& step, const Kernels& kernels) { kernels.softmax(step); }
void run_step(const Pointwise& step, const Kernels& kernels) { kernels.pointwise(step); }
void run_step(const Conv& step, const Kernels& kernels) { kernels.conv(step); }
void run_step(const PairedConv& step, const Kernels& kernels) { kernels.paired_conv(step); }
void run_step(const Pool& step, const Kernels& kernels) { kernels.pool(step); }
void run_step(const Recurrent& step, const Kernels& kernels) { kernels.recurrent(step); }
void run_step(const TreeScores& step, const Kernels& kernels) { run(step, kernels); }

void run_step(const Pick& step, const Kernels&) {
    for (std::uint32_t i = 0; i < step.count; ++i) step.out[i] = step.in[step.index[i]];
}

void run_step(const Rows& step, const Kernels&) {
    for (std::size_t r = 0; r < step.rows; ++r)
        std::memcpy(step.out + r * step.out_step, step.in + r * step.in_step,
                    step.width * sizeof(float));
}

void run_step(const Reduce& step, const Kernels&) {
    for (std::uint32_t o = 0; o < step.outer; ++o) {
        const float* in = step.in + std::size_t{o} * step.folded * step.inner;
        float* out = step.out + std::size_t{o} * step.inner;
        std::copy_n(in, step.inner, out);
        for (std::uint32_t f = 1; f < step.folded; ++f) {
            const float* more = in + std::size_t{f} * step.inner;
            if (step.fold == Fold::most)
                for (std::uint32_t i = 0; i < step.inner; ++i)
                    out[i] = out[i] < more[i] || more[i] != more[i] ? more[i] : out[i];
            else
                for (std::uint32_t i = 0; i < step.inner; ++i) out[i] += more[i];
        }
        if (step.fold == Fold::mean)
            for (std::uint32_t i = 0; i < step.inner; ++i)
                out[i] /= static_cast<float>(step.folded);
    }
}

// Keeps the best so far in order: `count` is small, and most numbers are no better than its last.
void run_step(const Extremes& step, const Kernels&) {
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < step.width; ++i) {
        const float x = step.in[i];
        const auto before = [&](float other) { return step.largest ? x > other : x < other; };
        if (kept == step.count && !before(step.out[kept - 1])) continue;
        std::uint32_t at = kept < step.count ? kept++ : kept - 1;
        for (; at > 0 && before(step.out[at - 1]); --at) step.out[at] = step.out[at - 1];
        step.out[at] = x;
    }
}

}  // namespace

void Memory::Free::operator()(void* at) const { std::free(at); }

Result<void*> Memory::block(std::size_t count, std::size_t size) {
    if (count > left_ / size || (count * size) / line * line + 3 * line > left_)
        return Error{Errc::overloaded, "the graph wants more memory than the native engine takes"};
    const std::size_t bytes = (count * size + 2 * line - 1) / line * line + line;
    void* at = std::aligned_alloc(line, bytes);
    if (!at) return Error{Errc::overloaded, "there is no memory for the graph"};
    blocks_.emplace_back(at);
    std::memset(at, 0, bytes);
    left_ -= bytes;
    bytes_ += bytes;
    return at;
}

void Plan::run(const Kernels& kernels) const {
    for (const Step& step : steps)
        std::visit([&](const auto& one) { run_step(one, kernels); }, step);
}

}  // namespace mw::native
