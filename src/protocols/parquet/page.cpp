#include "protocols/parquet/page.h"

#include <zstd.h>

#include <algorithm>

#include "platform/gzip/gzip.h"
#include "protocols/parquet/snappy.h"
#include "protocols/parquet/thrift_reader.h"

namespace mw::parquet {
namespace {

enum PageKind : std::uint8_t { data_page = 0, dictionary_page = 2, data_page_2 = 3 };
enum ValueEncoding : std::uint8_t {
    plain = 0,
    plain_dictionary = 2,
    runs = 3,
    deltas = 5,
    texts_with_lengths = 6,
    dictionary_codes = 8,
    split_streams = 9
};

Error bad_page(const std::string& why) { return Error{Errc::invalid_input, why}; }

}  // namespace

struct PageReader::Header {
    std::int64_t kind = -1, size = 0, packed = 0;
    std::int64_t values = 0, encoding = -1, levels_bytes = 0, repetition_bytes = 0;
    bool is_packed = true;
    std::size_t length = 0;

    // DataPageHeader, DictionaryPageHeader and DataPageHeaderV2 begin with the number of values.
    void read_inner(ThriftReader& in, int id) {
        constexpr int of_data_2 = 8;
        constexpr std::uint8_t no = 2;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in, field);) {
            if (field.id == 1)
                values = in.integer();
            else if (field.id == (id == of_data_2 ? 4 : 2))
                encoding = in.integer();
            else if (id == of_data_2 && field.id == 5)
                levels_bytes = in.integer();
            else if (id == of_data_2 && field.id == 6)
                repetition_bytes = in.integer();
            else if (id == of_data_2 && field.id == 7)
                is_packed = field.type != no;
            else
                in.skip(field.type);
        }
    }
};

Result<PageReader::Header> PageReader::read_header() {
    ThriftReader in(chunk_.subspan(at_));
    Header header;
    ThriftStruct fields;
    for (ThriftField field; fields.next(in, field);) {
        if (field.id == 1)
            header.kind = in.integer();
        else if (field.id == 2)
            header.size = in.integer();
        else if (field.id == 3)
            header.packed = in.integer();
        else if (field.id == 5 || field.id == 7 || field.id == 8)
            header.read_inner(in, field.id);
        else
            in.skip(field.type);
    }
    header.length = in.position();
    if (in.failed() || header.packed < 0 || header.size < 0 || header.values < 0 ||
        header.levels_bytes < 0 || header.repetition_bytes < 0 ||
        static_cast<std::uint64_t>(header.packed) > chunk_.size() - at_ - header.length)
        return bad_page("a page is damaged, or beyond its column");
    if (static_cast<std::uint64_t>(header.size) > page_bytes_max_)
        return bad_page("a page has more than " + std::to_string(page_bytes_max_) + " bytes");
    return header;
}

Result<Bytes> PageReader::unpack(ByteView packed, std::size_t size) const {
    switch (static_cast<Codec>(codec_)) {
        case Codec::none:
            if (packed.size() != size) break;
            return Bytes(packed.begin(), packed.end());
        case Codec::snappy:
            return unpack_snappy(packed, size);
        case Codec::gzip: {
            TRY(const std::string text, gzip::unpack(text_of(packed), size));
            if (text.size() != size) break;
            return Bytes(text.begin(), text.end());
        }
        case Codec::zstd: {
            Bytes out(size);
            const std::size_t got = ZSTD_decompress(out.data(), size, packed.data(), packed.size());
            if (ZSTD_isError(got) != 0 || got != size) break;
            return out;
        }
        default:
            return bad_page(
                "it is compressed in a way that is not read; write it with zstd, "
                "snappy, gzip or without");
    }
    return bad_page("a page's packed bytes are damaged");
}

Result<const PageValues*> PageReader::next(std::uint64_t rows_max) {
    for (;;) {
        if (at_ >= chunk_.size()) return bad_page("it ends before its rows do");
        TRY(const Header header, read_header());
        const ByteView body =
            chunk_.subspan(at_ + header.length, static_cast<std::size_t>(header.packed));
        at_ += header.length + body.size();
        if (header.kind == dictionary_page) {
            TRY_VOID(read_dictionary(header, body));
            continue;
        }
        if (header.kind != data_page && header.kind != data_page_2) continue;  // an index
        if (header.values == 0) continue;
        if (static_cast<std::uint64_t>(header.values) > rows_max)
            return bad_page("a page has more values than there are rows");
        TRY_VOID(read_data(header, body));
        return &page_;
    }
}

Result<> PageReader::read_dictionary(const Header& header, ByteView body) {
    if (dictionary_) return bad_page("it has two dictionaries");
    TRY(dictionary_bytes_, unpack(body, static_cast<std::size_t>(header.size)));
    if (static_cast<std::uint64_t>(header.values) > dictionary_bytes_.size())
        return bad_page("its dictionary ends early");
    TRY(dictionary_,
        read_plain(dictionary_bytes_, leaf_.type, static_cast<std::size_t>(header.values),
                   leaf_.meaning == Meaning::unsigned_));
    return {};
}

// Levels of a flat column are one bit: there, or null.
Result<> PageReader::read_data(const Header& header, ByteView body) {
    const auto count = static_cast<std::size_t>(header.values);
    auto size = static_cast<std::size_t>(header.size);
    ByteView levels, rest;
    if (header.kind == data_page_2) {
        const auto before = static_cast<std::uint64_t>(header.levels_bytes) +
                            static_cast<std::uint64_t>(header.repetition_bytes);
        if (before > body.size() || before > size) return bad_page("a page's levels are damaged");
        levels = body.subspan(static_cast<std::size_t>(header.repetition_bytes),
                              static_cast<std::size_t>(header.levels_bytes));
        rest = body.subspan(before);
        size -= before;
        if (header.is_packed && !rest.empty()) {
            TRY(page_bytes_, unpack(rest, size));
            rest = page_bytes_;
        }
    } else {
        TRY(page_bytes_, unpack(body, size));
        rest = page_bytes_;
        if (leaf_.optional) {
            if (rest.size() < 4) return bad_page("a page's levels are damaged");
            const auto bytes = load_le<std::uint32_t>(rest.data());
            if (bytes > rest.size() - 4) return bad_page("a page's levels are damaged");
            levels = rest.subspan(4, bytes);
            rest = rest.subspan(4 + bytes);
        }
    }
    page_ = {};
    page_.rows = count;
    std::size_t there = count;
    if (leaf_.optional) {
        TRY(const auto bits, read_hybrid(levels, 1, count));
        page_.present.assign(bits.begin(), bits.end());
        there = static_cast<std::size_t>(std::ranges::count(bits, 1u));
    }
    return read_values(static_cast<std::uint8_t>(header.encoding), rest, there);
}

Result<> PageReader::read_values(std::uint8_t encoding, ByteView bytes, std::size_t count) {
    const bool is_unsigned = leaf_.meaning == Meaning::unsigned_;
    const bool whole = leaf_.type == Physical::int32 || leaf_.type == Physical::int64;
    if (count == 0) return {};
    if (encoding == plain) {
        TRY(page_.values, read_plain(bytes, leaf_.type, count, is_unsigned));
    } else if (encoding == plain_dictionary || encoding == dictionary_codes) {
        TRY_VOID(read_codes(bytes, count));
    } else if (encoding == runs && leaf_.type == Physical::boolean) {
        if (bytes.size() < 4) return bad_page("a page ends before its values do");
        TRY(const auto bits, read_hybrid(bytes.subspan(4), 1, count));
        page_.values.numbers.assign(bits.begin(), bits.end());
    } else if (encoding == deltas && whole) {
        TRY(page_.values, read_deltas(bytes, count));
    } else if (encoding == texts_with_lengths && leaf_.type == Physical::byte_array) {
        TRY(page_.values, read_texts_with_lengths(bytes, count));
    } else if (encoding == split_streams) {
        TRY(page_.values, read_split_streams(bytes, leaf_.type, count));
    } else {
        return bad_page("its encoding " + std::to_string(encoding) +
                        " is not read; write it as PLAIN or with a dictionary");
    }
    if (page_.values.size() != count) return bad_page("a page ends before its values do");
    return {};
}

Result<> PageReader::read_codes(ByteView bytes, std::size_t count) {
    if (!dictionary_ || bytes.empty()) return bad_page("it lacks its dictionary");
    TRY(const auto codes, read_hybrid(bytes.subspan(1), bytes[0], count));
    const std::size_t entries = dictionary_->size();
    if (std::ranges::any_of(codes, [&](std::uint32_t code) { return code >= entries; }))
        return bad_page("a code is not in its dictionary");
    const auto pick = [&](const auto& from, auto& into) {
        if (from.empty()) return;
        into.reserve(count);
        for (const std::uint32_t code : codes) into.push_back(from[code]);
    };
    pick(dictionary_->integers, page_.values.integers);
    pick(dictionary_->numbers, page_.values.numbers);
    pick(dictionary_->texts, page_.values.texts);
    return {};
}

}  // namespace mw::parquet
