#include "protocols/parquet/metadata.h"

#include <algorithm>

#include "protocols/parquet/thrift_reader.h"

namespace mw::parquet {
namespace {

constexpr std::string_view file_magic = "PAR1";
constexpr std::size_t tail_bytes = 8;  // length of the metadata, magic
constexpr std::size_t leaves_max = 16'384;
constexpr std::int64_t decimal_digits_max = 18;

Error bad_file(const std::string& why) { return Error{Errc::invalid_input, why}; }

class MetadataReader {
 public:
    explicit MetadataReader(ByteView bytes) : in_(bytes) {}

    Result<Metadata> read() {
        ThriftStruct file;
        for (ThriftField field; file.next(in_, field);) {
            if (field.id == 2)
                each([&] { read_element(); });
            else if (field.id == 3)
                metadata_.rows = whole();
            else if (field.id == 4)
                each([&] { read_group(); });
            else if (field.id == 5)
                each([&] { read_key_value(); });
            else
                in_.skip(field.type);
        }
        if (in_.failed()) return bad_file("the file's end is damaged");
        TRY_VOID(lay_out());
        return std::move(metadata_);
    }

 private:
    struct Element {
        Leaf leaf;
        std::uint64_t children = 0;
        bool repeated = false;
    };

    template <class F>
    void each(F read_one) {
        const auto list = in_.list();
        for (std::size_t i = 0; i < list.size && !in_.failed(); ++i) read_one();
    }
    std::uint64_t whole() {
        const std::int64_t number = in_.integer();
        if (number < 0) in_.fail();
        return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0));
    }
    std::uint8_t small() {
        const std::uint64_t number = whole();
        if (number > 127) in_.fail();
        return static_cast<std::uint8_t>(number);
    }

    void read_element() {
        Element element;
        std::int64_t converted = -1, scale = 0;
        Meaning logical = Meaning::plain;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 1)
                element.leaf.type = static_cast<Physical>(small());
            else if (field.id == 3) {
                const std::uint8_t repetition = small();
                element.leaf.optional = repetition == 1;
                element.repeated = repetition == 2;
            } else if (field.id == 4)
                element.leaf.name = in_.binary();
            else if (field.id == 5)
                element.children = whole();
            else if (field.id == 6)
                converted = in_.integer();
            else if (field.id == 7)
                scale = in_.integer();
            else if (field.id == 10)
                logical = read_logical();
            else
                in_.skip(field.type);
        }
        element.leaf.meaning = logical != Meaning::plain ? logical : meaning_of(converted);
        if (element.leaf.meaning == Meaning::decimal) {
            if (scale < 0 || scale > decimal_digits_max) element.leaf.meaning = Meaning::other;
            element.leaf.scale = static_cast<std::uint8_t>(scale);
        }
        if (elements_.size() >= leaves_max) return in_.fail();
        elements_.push_back(std::move(element));
    }

    // ConvertedType: what older writers say.
    static Meaning meaning_of(std::int64_t converted) {
        if (converted == -1 || (converted >= 15 && converted <= 18)) return Meaning::plain;
        if (converted == 0) return Meaning::text;
        if (converted == 5) return Meaning::decimal;
        if (converted == 9) return Meaning::time_ms;
        if (converted == 10) return Meaning::time_us;
        if (converted >= 11 && converted <= 14) return Meaning::unsigned_;
        return Meaning::other;
    }

    // A union: one field, which is a struct.
    Meaning read_logical() {
        Meaning meaning = Meaning::plain;
        ThriftStruct which;
        for (ThriftField field; which.next(in_, field);) {
            if (field.id == 8)
                meaning = read_timestamp();
            else if (field.id == 10)
                meaning = read_integer();
            else {
                meaning = field.id == 1   ? Meaning::text
                          : field.id == 5 ? Meaning::decimal
                                          : Meaning::other;
                in_.skip(field.type);
            }
        }
        return meaning;
    }
    Meaning read_timestamp() {
        Meaning meaning = Meaning::other;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id != 2) {
                in_.skip(field.type);
                continue;
            }
            ThriftStruct unit;
            for (ThriftField each_unit; unit.next(in_, each_unit);) {
                if (each_unit.id >= 1 && each_unit.id <= 3)
                    meaning =
                        static_cast<Meaning>(static_cast<int>(Meaning::time_ms) + each_unit.id - 1);
                in_.skip(each_unit.type);
            }
        }
        return meaning;
    }
    Meaning read_integer() {
        constexpr std::uint8_t no = 2;  // booleans are in the field's type
        Meaning meaning = Meaning::plain;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 2 && field.type == no) meaning = Meaning::unsigned_;
            in_.skip(field.type);
        }
        return meaning;
    }

    void read_group() {
        GroupFacts group;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 1)
                each([&] { group.chunks.push_back(read_chunk()); });
            else if (field.id == 3)
                group.rows = whole();
            else
                in_.skip(field.type);
        }
        metadata_.groups.push_back(std::move(group));
    }
    ChunkFacts read_chunk() {
        ChunkFacts chunk;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 3)
                chunk = read_chunk_metadata();
            else
                in_.skip(field.type);
        }
        return chunk;
    }
    ChunkFacts read_chunk_metadata() {
        ChunkFacts chunk;
        std::uint64_t dictionary = 0;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 1)
                chunk.type = static_cast<Physical>(small());
            else if (field.id == 4)
                chunk.codec = small();
            else if (field.id == 5)
                chunk.values = whole();
            else if (field.id == 7)
                chunk.size = whole();
            else if (field.id == 9)
                chunk.begin = whole();
            else if (field.id == 11)
                dictionary = whole();
            else
                in_.skip(field.type);
        }
        if (dictionary != 0) chunk.begin = std::min(chunk.begin, dictionary);
        return chunk;
    }
    void read_key_value() {
        std::pair<std::string, std::string> pair;
        ThriftStruct fields;
        for (ThriftField field; fields.next(in_, field);) {
            if (field.id == 1)
                pair.first = in_.binary();
            else if (field.id == 2)
                pair.second = in_.binary();
            else
                in_.skip(field.type);
        }
        metadata_.key_values.push_back(std::move(pair));
    }

    // The schema is a tree in the order of its nodes; chunks are in the order of its leaves.
    Result<> lay_out() {
        if (elements_.empty()) return bad_file("the file has no schema");
        std::vector<std::pair<std::uint64_t, bool>> open = {{elements_[0].children, false}};
        for (std::size_t i = 1; i < elements_.size(); ++i) {
            while (!open.empty() && open.back().first == 0) open.pop_back();
            if (open.empty()) return bad_file("the file's schema has no root");
            --open.back().first;
            Element& element = elements_[i];
            const bool inside = open.back().second || element.repeated;
            if (element.children > 0) {
                open.emplace_back(element.children, true);
                continue;
            }
            element.leaf.nested = inside;
            metadata_.leaves.push_back(std::move(element.leaf));
        }
        std::uint64_t rows = 0;
        for (const GroupFacts& group : metadata_.groups) {
            if (group.chunks.size() != metadata_.leaves.size())
                return bad_file("a row group lacks columns");
            if (group.rows > metadata_.rows - rows) return bad_file("the rows don't add up");
            rows += group.rows;
        }
        if (rows != metadata_.rows) return bad_file("the rows don't add up");
        return {};
    }

    ThriftReader in_;
    Metadata metadata_;
    std::vector<Element> elements_;
};

}  // namespace

Result<Metadata> read_metadata(ByteView file) {
    const std::string_view text = text_of(file);
    if (file.size() < file_magic.size() + tail_bytes || !text.starts_with(file_magic))
        return bad_file("not a Parquet file");
    if (!text.ends_with(file_magic))
        return bad_file(text.ends_with("PARE") ? "the file is encrypted; write it without"
                                               : "the file is cut off");
    const std::size_t end = file.size() - tail_bytes;
    const auto size = load_le<std::uint32_t>(file.data() + end);
    if (size > end - file_magic.size()) return bad_file("the file's end is damaged");
    return MetadataReader(file.subspan(end - size, size)).read();
}

}  // namespace mw::parquet
