#pragma once
// Little-endian fields one after the other, for records on disk. A reader that runs over the end
// stays there and is not ok(); a writer's buffer was measured before.

#include <cstring>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"

namespace mw::history {

class FieldWriter {
 public:
    explicit FieldWriter(std::span<std::uint8_t> into) : into_(into) {}
    template <class T>
    void put(T value) {
        ASSERT(at_ + sizeof value <= into_.size());
        store_le(into_.data() + at_, value);
        at_ += sizeof value;
    }
    void raw(const void* from, std::size_t bytes) {
        ASSERT(at_ + bytes <= into_.size());
        if (bytes > 0) std::memcpy(into_.data() + at_, from, bytes);
        at_ += bytes;
    }
    // Lengths first, so that fixed fields stay together.
    template <class... Text>
    void texts(const Text&... text) {
        (put(static_cast<std::uint16_t>(text.size())), ...);
        (raw(text.data(), text.size()), ...);
    }
    std::size_t size() const { return at_; }

 private:
    std::span<std::uint8_t> into_;
    std::size_t at_ = 0;
};

class FieldReader {
 public:
    explicit FieldReader(ByteView from) : from_(from) {}
    template <class T>
    T get() {
        auto field = bytes(sizeof(T));
        return field.size() == sizeof(T) ? load_le<T>(field.data()) : T{};
    }
    ByteView bytes(std::size_t count) {
        if (!ok_ || from_.size() - at_ < count) {
            ok_ = false;
            return {};
        }
        auto field = from_.subspan(at_, count);
        at_ += count;
        return field;
    }
    template <class... Text>
    void texts(Text&... text) {
        std::uint16_t lengths[sizeof...(text)];
        for (auto& length : lengths) length = get<std::uint16_t>();
        std::size_t i = 0;
        ((text = text_of(bytes(lengths[i++]))), ...);
    }
    bool ok() const { return ok_; }
    bool at_end() const { return ok_ && at_ == from_.size(); }
    std::size_t offset() const { return at_; }

 private:
    ByteView from_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace mw::history
