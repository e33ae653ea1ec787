#pragma once
// Private to this module: output memory goes round between the streams of a thread. What was
// released last is warm, and idle streams hold none.

#include <utility>
#include <vector>

#include "base/bytes.h"

namespace mw::net {

class OutputPool {
 public:
    static OutputPool& here() {
        thread_local OutputPool pool;  // a loop is a thread
        return pool;
    }
    Bytes take() {
        if (free_.empty()) return {};
        Bytes bytes = std::move(free_.back());
        free_.pop_back();
        kept_ -= bytes.capacity();
        return bytes;
    }
    void give(Bytes& bytes) {
        if (bytes.capacity() <= largest && kept_ + bytes.capacity() <= most) {
            kept_ += bytes.capacity();
            bytes.clear();
            free_.push_back(std::move(bytes));
        }
        bytes = Bytes();
    }

 private:
    static constexpr std::size_t largest = 256 * 1024, most = 16 * largest;
    std::size_t kept_ = 0;
    std::vector<Bytes> free_;
};

}  // namespace mw::net
