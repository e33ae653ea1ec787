#pragma once
// Private to this module: DER (X.690) elements, strictly: definite minimal lengths, one-byte tags.
// A Reader borrows the bytes; nothing recurses, so depth is bounded by the grammar that calls it.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace mw::crypto::der {

enum Tag : std::uint8_t {
    boolean = 0x01,
    integer = 0x02,
    bit_string = 0x03,
    octet_string = 0x04,
    oid = 0x06,
    utf8_string = 0x0c,
    printable_string = 0x13,
    ia5_string = 0x16,
    utc_time = 0x17,
    generalized_time = 0x18,
    sequence = 0x30,
    set = 0x31,
};
constexpr std::uint8_t context(int number) { return static_cast<std::uint8_t>(0x80 | number); }
constexpr std::uint8_t context_constructed(int number) {
    return static_cast<std::uint8_t>(0xa0 | number);
}

struct Element {
    std::uint8_t tag = 0;
    ByteView content;
    ByteView whole;
};

class Reader {
 public:
    explicit Reader(ByteView bytes) : rest_(bytes) {}
    bool empty() const { return rest_.empty(); }
    Result<Element> next(std::string_view what);
    Result<Element> want(std::uint8_t tag, std::string_view what);
    // The next element if it has that tag.
    Result<std::optional<Element>> maybe(std::uint8_t tag, std::string_view what);
    Result<> want_end(std::string_view what) const;

 private:
    ByteView rest_;
};

// A BIT STRING of whole bytes: what follows the count of unused bits, which must be zero.
Result<ByteView> whole_bits(const Element& element, std::string_view what);
Result<Timestamp> time(const Element& element, std::string_view what);

Bytes element(std::uint8_t tag, std::initializer_list<ByteView> parts);
Bytes element(std::uint8_t tag, std::string_view text);
Bytes time(Timestamp time);  // UTCTime up to 2049, then GeneralizedTime (RFC 5280 4.1.2.5)
void append(Bytes& to, ByteView part);

}  // namespace mw::crypto::der
