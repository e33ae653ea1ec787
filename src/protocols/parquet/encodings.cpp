#include "protocols/parquet/encodings.h"

#include <algorithm>

#include "protocols/parquet/byte_reader.h"

namespace mw::parquet {
namespace {

Error ends_early() { return Error{Errc::invalid_input, "a page ends before its values do"}; }

// Numbers of up to 64 bits, the lowest bit first.
class Bits {
 public:
    explicit Bits(ByteView bytes) : bytes_(bytes) {}
    std::uint64_t take(unsigned width) {
        std::uint64_t value = 0;
        for (unsigned got = 0; got < width;) {
            const std::size_t byte = at_ / 8;
            if (byte >= bytes_.size()) return 0;
            const unsigned from = at_ % 8, some = std::min(8 - from, width - got);
            const std::uint64_t piece = (bytes_[byte] >> from) & ((1u << some) - 1);
            value |= piece << got;
            got += some;
            at_ += some;
        }
        return value;
    }

 private:
    ByteView bytes_;
    std::size_t at_ = 0;
};

template <class T>
T number_at(ByteView bytes, std::size_t place) {
    return load_le<T>(bytes.data() + place * sizeof(T));
}

}  // namespace

Result<std::vector<std::uint32_t>> read_hybrid(ByteView bytes, unsigned width, std::size_t count) {
    std::vector<std::uint32_t> out;
    if (width > 32) return Error{Errc::invalid_input, "a page's codes are wider than 32 bits"};
    out.reserve(count);
    ByteReader in{bytes};
    while (out.size() < count) {
        const std::uint64_t head = in.varint();
        const std::size_t left = count - out.size();
        if (in.failed || head >> 1 == 0) return ends_early();
        if ((head & 1) == 0) {
            std::uint32_t value = 0;
            for (unsigned i = 0; i < (width + 7) / 8; ++i)
                value |= std::uint32_t{in.byte()} << (8 * i);
            if (in.failed || std::uint64_t{value} >> width != 0) return ends_early();
            out.insert(out.end(), std::min<std::uint64_t>(head >> 1, left), value);
            continue;
        }
        const std::uint64_t groups = head >> 1;  // of eight
        const std::size_t begin = in.at;
        if (width > 0 && groups > (bytes.size() - begin) / width) return ends_early();
        in.skip(groups * width);
        Bits bits(bytes.subspan(begin, in.at - begin));
        const std::uint64_t there =
            groups > left ? left : std::min<std::uint64_t>(groups * 8, left);
        for (std::uint64_t i = 0; i < there; ++i)
            out.push_back(static_cast<std::uint32_t>(bits.take(width)));
    }
    return out;
}

Result<Values> read_plain(ByteView bytes, Physical type, std::size_t count, bool is_unsigned) {
    Values values;
    const std::size_t size = type == Physical::int32 || type == Physical::float_ ? 4 : 8;
    const bool fixed = type != Physical::boolean && type != Physical::byte_array;
    if (fixed && bytes.size() / size < count) return ends_early();
    if (type == Physical::int32) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto bits = number_at<std::uint32_t>(bytes, i);
            values.integers.push_back(is_unsigned ? std::int64_t{bits}
                                                  : std::int64_t{static_cast<std::int32_t>(bits)});
        }
    } else if (type == Physical::int64) {
        for (std::size_t i = 0; i < count; ++i)
            values.integers.push_back(number_at<std::int64_t>(bytes, i));
    } else if (type == Physical::float_) {
        for (std::size_t i = 0; i < count; ++i)
            values.numbers.push_back(number_at<float>(bytes, i));
    } else if (type == Physical::double_) {
        for (std::size_t i = 0; i < count; ++i)
            values.numbers.push_back(number_at<double>(bytes, i));
    } else if (type == Physical::boolean) {
        if (bytes.size() < (count + 7) / 8) return ends_early();
        Bits bits(bytes);
        for (std::size_t i = 0; i < count; ++i)
            values.numbers.push_back(static_cast<double>(bits.take(1)));
    } else if (type == Physical::byte_array) {
        ByteReader in{bytes};
        for (std::size_t i = 0; i < count; ++i) {
            if (bytes.size() - in.at < 4) return ends_early();
            const auto length = load_le<std::uint32_t>(bytes.data() + in.at);
            in.at += 4;
            const std::size_t begin = in.at;
            if (!in.skip(length)) return ends_early();
            values.texts.push_back(text_of(bytes.subspan(begin, length)));
        }
    } else {
        return Error{Errc::invalid_input, "values of a type that is not read"};
    }
    return values;
}

namespace {

// Deltas as far as their values go; gives where they end in `bytes`.
Result<std::size_t> read_delta_block(ByteView bytes, std::size_t count,
                                     std::vector<std::int64_t>& out) {
    ByteReader in{bytes};
    const std::uint64_t block = in.varint(), minis = in.varint(), total = in.varint();
    std::uint64_t value = static_cast<std::uint64_t>(in.unfolded());
    if (in.failed || total != count || minis == 0 || block == 0 || block % minis != 0 ||
        block / minis % 32 != 0 || block > 1u << 20)
        return Error{Errc::invalid_input, "a page's deltas are damaged"};
    const std::uint64_t per_mini = block / minis;
    if (count > 0) out.push_back(static_cast<std::int64_t>(value));
    while (out.size() < count) {
        const auto floor = static_cast<std::uint64_t>(in.unfolded());
        const std::size_t widths = in.at;
        if (!in.skip(minis)) return ends_early();
        for (std::uint64_t mini = 0; mini < minis && out.size() < count; ++mini) {
            const unsigned width = bytes[widths + mini];
            const std::size_t begin = in.at;
            if (width > 64 || !in.skip(per_mini / 8 * width)) return ends_early();
            Bits bits(bytes.subspan(begin, in.at - begin));
            for (std::uint64_t i = 0; i < per_mini && out.size() < count; ++i)
                out.push_back(static_cast<std::int64_t>(value += floor + bits.take(width)));
        }
    }
    return in.at;
}

}  // namespace

Result<Values> read_deltas(ByteView bytes, std::size_t count) {
    Values values;
    TRY_VOID(read_delta_block(bytes, count, values.integers));
    return values;
}

Result<Values> read_texts_with_lengths(ByteView bytes, std::size_t count) {
    std::vector<std::int64_t> lengths;
    TRY(std::size_t at, read_delta_block(bytes, count, lengths));
    Values values;
    for (const std::int64_t length : lengths) {
        if (length < 0 || static_cast<std::uint64_t>(length) > bytes.size() - at)
            return ends_early();
        values.texts.push_back(text_of(bytes.subspan(at, static_cast<std::size_t>(length))));
        at += static_cast<std::size_t>(length);
    }
    return values;
}

// The first bytes of all values, then the second ones: joined, they are plain.
Result<Values> read_split_streams(ByteView bytes, Physical type, std::size_t count) {
    const std::size_t size = type == Physical::int32 || type == Physical::float_ ? 4 : 8;
    if (type == Physical::boolean || type == Physical::byte_array || bytes.size() / size < count)
        return ends_early();
    Bytes joined(count * size);
    for (std::size_t b = 0; b < size; ++b)
        for (std::size_t i = 0; i < count; ++i) joined[i * size + b] = bytes[b * count + i];
    return read_plain(joined, type, count, false);
}

}  // namespace mw::parquet
