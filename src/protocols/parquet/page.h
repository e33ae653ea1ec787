#pragma once
// The pages of one column chunk, one after the other, unpacked and decoded.

#include <optional>

#include "protocols/parquet/encodings.h"

namespace mw::parquet {

struct PageValues {
    std::size_t rows = 0;
    std::vector<std::uint8_t> present;  // by row; empty: all are
    Values values;                      // of those that are present
};

class PageReader {
 public:
    PageReader(ByteView chunk, const Leaf& leaf, std::uint8_t codec, std::size_t page_bytes_max)
        : chunk_(chunk), leaf_(leaf), codec_(codec), page_bytes_max_(page_bytes_max) {}

    // The next page of at most so many rows, and at least one; valid until the next call.
    Result<const PageValues*> next(std::uint64_t rows_max);

 private:
    struct Header;
    Result<Header> read_header();
    Result<Bytes> unpack(ByteView packed, std::size_t size) const;
    Result<> read_dictionary(const Header& header, ByteView body);
    Result<> read_data(const Header& header, ByteView body);
    Result<> read_values(std::uint8_t encoding, ByteView bytes, std::size_t count);
    Result<> read_codes(ByteView bytes, std::size_t count);

    ByteView chunk_;
    const Leaf& leaf_;
    std::uint8_t codec_;
    std::size_t page_bytes_max_;
    std::size_t at_ = 0;
    Bytes dictionary_bytes_, page_bytes_;  // what texts are views into
    std::optional<Values> dictionary_;
    PageValues page_;
};

}  // namespace mw::parquet
