#pragma once
// Inside the module: memory of messages, which come and go by the thousand and in order. That is
// where malloc is slowest, as its quick lists hold seven blocks of a size. A freed block waits here
// for the next one of about its size. One pool a thread; blocks may be given back to another's.
// Limits: 2,048 blocks of a size, sizes up to 512 bytes: 4.7 MB.

#include <array>
#include <cstddef>
#include <new>

namespace mw::mqtt {

class Blocks {
 public:
    static void* take(std::size_t bytes) {
        const std::size_t size = size_of(bytes);
        if (size >= sizes) return ::operator new(bytes);
        List& list = here().lists_[size];
        if (list.first == nullptr) return ::operator new(size* step);
        --list.count;
        Free* const block = list.first;
        list.first = block->next;
        return block;
    }
    static void give(void* block, std::size_t bytes) {
        const std::size_t size = size_of(bytes);
        if (size >= sizes) return ::operator delete(block);
        List& list = here().lists_[size];
        if (list.count >= count_max) return ::operator delete(block);
        ++list.count;
        list.first = new (block) Free{list.first};
    }

 private:
    static constexpr std::size_t step = 64;
    static constexpr std::size_t sizes = 9;
#if defined(__SANITIZE_ADDRESS__)
    static constexpr std::size_t count_max = 0;  // so that a use after free is found
#else
    static constexpr std::size_t count_max = 2'048;
#endif
    struct Free {
        Free* next;
    };
    struct List {
        Free* first = nullptr;
        std::size_t count = 0;
    };
    Blocks() = default;
    ~Blocks() {
        for (List& list : lists_)
            while (Free* const block = list.first) {
                list.first = block->next;
                ::operator delete(block);
            }
    }
    static std::size_t size_of(std::size_t bytes) { return (bytes + step - 1) / step; }
    static Blocks& here() {
        thread_local Blocks blocks;
        return blocks;
    }
    std::array<List, sizes> lists_;
};

}  // namespace mw::mqtt
