#include "data/segments/footer.h"

#include <algorithm>

#include "protocols/parquet/parquet.h"

namespace mw::segments {

using parquet::ThriftField;
using parquet::ThriftReader;
using parquet::ThriftStruct;

namespace {

constexpr std::size_t tail_bytes = 8;  // a length and the magic
constexpr std::size_t footer_bytes_max = std::size_t{256} << 20;
constexpr std::uint32_t group_rows_limit = std::uint32_t{1} << 24;  // ours have far fewer

Error bad_footer(const std::string& what) {
    return Error{Errc::corrupt,
                 what + "; 'millwright history verify' names every file that is damaged"};
}

}  // namespace

class FooterParser {
 public:
    FooterParser(ByteView bytes, std::uint64_t file_size) : in_(bytes), file_size_(file_size) {}

    Result<Footer> parse() {
        ThriftStruct file;
        for (ThriftField field; file.next(in_, field);) {
            if (field.id == 2)
                each_of([this] { schema_element(); });
            else if (field.id == 4)
                each_of([this] { group(); });
            else if (field.id == 5)
                each_of([this] { key_value(); });
            else if (field.id == 6)
                footer_.created_by_ = in_.binary();
            else
                in_.skip(field.type);
        }
        if (in_.failed()) return bad_footer("its footer can't be read");
        for (const FooterGroup& group : footer_.groups_)
            if (group.chunks.size() != footer_.columns_.size())
                return bad_footer("its footer has row groups without all columns");
        return std::move(footer_);
    }

 private:
    template <class F>
    void each_of(F element) {
        const auto list = in_.list();
        for (std::size_t i = 0; i < list.size && !in_.failed(); ++i) element();
    }

    void schema_element() {
        FooterColumn column;
        bool leaf = false;
        ThriftStruct element;
        for (ThriftField field; element.next(in_, field);) {
            if (field.id == 1) {
                column.type = static_cast<PhysicalType>(in_.integer());
                leaf = true;
            } else if (field.id == 3) {
                column.optional = in_.integer() == 1;
            } else if (field.id == 4) {
                column.name = in_.binary();
            } else {
                in_.skip(field.type);
            }
        }
        if (leaf) footer_.columns_.push_back(std::move(column));
    }

    void key_value() {
        std::string_view key, value;
        ThriftStruct pair;
        for (ThriftField field; pair.next(in_, field);) {
            if (field.id == 1)
                key = in_.binary();
            else if (field.id == 2)
                value = in_.binary();
            else
                in_.skip(field.type);
        }
        if (key == "format") footer_.format_ = value;
        if (key == "version") footer_.version_ = value;
    }

    void group() {
        group_ = {};
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 1)
                each_of([this] { chunk(); });
            else if (field.id == 3)
                group_.rows = bounded(in_.integer(), group_rows_limit);
            else
                in_.skip(field.type);
        }
        for (const ChunkPlace& place : group_.chunks)
            if (place.rows != group_.rows) in_.fail();
        footer_.groups_.push_back(std::move(group_));
    }

    void chunk() {
        ThriftStruct fields;
        ChunkPlace place;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 3)
                chunk_meta(place);
            else
                in_.skip(field.type);
        }
        if (place.begin > file_size_ || place.size > file_size_ - place.begin) in_.fail();
        group_.chunks.push_back(place);
    }

    void chunk_meta(ChunkPlace& place) {
        std::int64_t data = 0, dictionary = -1;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            switch (field.id) {
                case 2:
                    each_of([&] { note_encoding(place, in_.integer()); });
                    break;
                case 5:
                    place.rows = bounded(in_.integer(), group_rows_limit);
                    break;
                case 7:
                    place.size = static_cast<std::uint64_t>(in_.integer());
                    break;
                case 9:
                    data = in_.integer();
                    break;
                case 11:
                    dictionary = in_.integer();
                    break;
                case 12:
                    statistics();
                    break;
                default:
                    in_.skip(field.type);
            }
        }
        place.begin = static_cast<std::uint64_t>(dictionary >= 0 ? dictionary : data);
    }

    // Levels, and the PLAIN of a dictionary, stand beside the encoding of the data.
    static void note_encoding(ChunkPlace& place, std::int64_t encoding) {
        for (const Encoding known : {Encoding::delta_binary_packed, Encoding::rle_dictionary})
            if (encoding == static_cast<std::int64_t>(known)) place.encoding = known;
    }

    void statistics() {
        std::string_view largest, smallest;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 5)
                largest = in_.binary();
            else if (field.id == 6)
                smallest = in_.binary();
            else
                in_.skip(field.type);
        }
        if (in_.failed() || group_.chunks.size() >= footer_.columns_.size()) return;
        const std::string& name = footer_.columns_[group_.chunks.size()].name;
        if (name == "device") {
            group_.device_min = smallest;
            group_.device_max = std::string(largest);
        } else if (name == "time" && smallest.size() == 8 && largest.size() == 8) {
            group_.time_min = load_le<std::int64_t>(smallest.data());
            group_.time_max = load_le<std::int64_t>(largest.data());
        }
    }

    std::uint32_t bounded(std::int64_t value, std::uint32_t most) {
        if (value >= 0 && value <= most) return static_cast<std::uint32_t>(value);
        in_.fail();
        return 0;
    }

    ThriftReader in_;
    std::uint64_t file_size_;
    Footer footer_;
    FooterGroup group_;
};

Result<Footer> Footer::parse(ByteView bytes, std::uint64_t file_size) {
    return FooterParser(bytes, file_size).parse();
}

Result<Footer> Footer::read(files::File& file, const std::string& path) {
    TRY(const std::uint64_t size, file.size());
    std::uint8_t tail[tail_bytes] = {};
    if (size >= tail_bytes) TRY_VOID(file.read_at(size - tail_bytes, tail));
    const std::size_t length = load_le<std::uint32_t>(tail);
    if (text_of(ByteView(tail).last(4)) != "PAR1" || length > size - tail_bytes ||
        length > footer_bytes_max)
        return bad_footer("it doesn't end like a Parquet file").context(path);
    Bytes bytes(length);
    TRY(const std::size_t got, file.read_at(size - tail_bytes - length, bytes));
    if (got != length) return bad_footer("it was cut while it was read").context(path);
    return parse(bytes, size).context(path);
}

bool Footer::is_ours(std::string_view format, std::string_view version) const {
    return created_by_ == "millwright" && format_ == format && version_ == version;
}

std::optional<std::size_t> Footer::column(std::string_view name) const {
    for (std::size_t i = 0; i < columns_.size(); ++i)
        if (columns_[i].name == name) return i;
    return std::nullopt;
}

std::size_t Footer::bytes() const {
    return 1024 + groups_.size() * (sizeof(FooterGroup) + columns_.size() * sizeof(ChunkPlace));
}

}  // namespace mw::segments
