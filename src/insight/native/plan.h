#pragma once
// A plan: the steps of one model over memory that it owns. Made once by the matcher; running it
// allocates nothing. Memory is bounded: a graph that wants more is refused.

#include <deque>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "insight/inference/inference.h"
#include "insight/native/kernels.h"

namespace mw::native {

// Blocks that begin at a cache line, zeroed, with room for one more vector at their end.
class Memory {
 public:
    explicit Memory(std::size_t bytes_max) : left_(bytes_max) {}

    template <class T>
    Result<T*> take(std::size_t count) {
        TRY(void* const at, block(count, sizeof(T)));
        return static_cast<T*>(at);
    }
    std::size_t bytes() const { return bytes_; }

 private:
    struct Free {
        void operator()(void* at) const;
    };
    Result<void*> block(std::size_t count, std::size_t size);

    std::size_t left_;
    std::size_t bytes_ = 0;
    std::vector<std::unique_ptr<void, Free>> blocks_;
};

// What becomes of the trees' leaves, as ONNX Runtime does it.
enum class AfterTrees : std::uint8_t { none, logistic, softmax, softmax_zero };

struct TreeScores {
    Trees walk;
    float* out;
    std::uint32_t targets;
    std::uint32_t base_values;  // 0, 1 or targets of them
    const float* base;
    float divisor;  // of the sum; 0: none
    AfterTrees after;
    bool classifier, binary, all_positive;
    // Votes of a leaf: those from first[node] to before first[node + 1].
    const std::uint32_t* first;
    const std::uint32_t* target;
    const float* weight;
    float* scores;  // [targets]
    bool* scored;   // [targets]
};
void run(const TreeScores& trees, const Kernels& kernels);

using Step = std::variant<Dense, Softmax, Pointwise, Pick, Rows, Reduce, Extremes, Conv, PairedConv,
                          Pool, Recurrent, TreeScores>;

// A comparison of a tree with an input of the graph: the check's rows lie on and beside them.
struct Edge {
    std::uint32_t feature;
    float threshold;
};

struct Plan {
    explicit Plan(std::size_t bytes_max) : memory(bytes_max) {}

    Memory memory;
    std::vector<Step> steps;
    inference::TensorShape input, output;
    float* in = nullptr;
    const float* out = nullptr;
    std::size_t in_size = 0, out_size = 0;
    std::vector<Edge> edges;
    bool exact = true;  // trees and single operations: the bits must be the same
    bool convolves = false;

    void run(const Kernels& kernels) const;
};

}  // namespace mw::native
