#pragma once
// Inside the module: a growing ring that holds no memory while it was never used, and is one
// pointer then. std::deque keeps 576 bytes even when empty, which 19,000 idle sessions would pay
// three times.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/assert.h"

namespace mw::mqtt {

template <class T>
class Ring {
 public:
    std::size_t size() const { return parts_ ? parts_->size : 0; }
    bool empty() const { return size() == 0; }
    T& operator[](std::size_t i) { return parts_->at(i); }
    const T& operator[](std::size_t i) const { return parts_->at(i); }
    T& front() { return parts_->at(0); }

    void push_back(T value) {
        if (!parts_ || parts_->size > parts_->mask) grow();
        parts_->at(parts_->size++) = std::move(value);
    }
    void pop_front() {
        ASSERT(!empty());
        parts_->at(0) = T{};
        parts_->head = (parts_->head + 1) & parts_->mask;
        --parts_->size;
    }
    void clear() { parts_.reset(); }

 private:
    struct Parts {
        explicit Parts(std::uint32_t capacity) : slots(new T[capacity]), mask(capacity - 1) {}
        T& at(std::size_t i) const { return slots[(head + i) & mask]; }
        std::unique_ptr<T[]> slots;
        std::uint32_t mask;  // a power of two, less one
        std::uint32_t head = 0;
        std::uint32_t size = 0;
    };
    void grow() {
        auto wider = std::make_unique<Parts>(parts_ ? 2 * (parts_->mask + 1) : 4);
        for (; wider->size < size(); ++wider->size)
            wider->slots[wider->size] = std::move(parts_->at(wider->size));
        parts_ = std::move(wider);
    }

    std::unique_ptr<Parts> parts_;
};

}  // namespace mw::mqtt
