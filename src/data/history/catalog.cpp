#include "data/history/catalog.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "data/history/byte_cursor.h"

namespace mw::history {
namespace {

constexpr std::size_t part_bytes_max = std::size_t{64} << 10;
constexpr std::uint64_t small_catalog_bytes = std::uint64_t{1} << 20;

// An entry is a begin, parts, and a commit, in one group.
enum class Part : std::uint8_t {
    begin = 0,
    series = 1,
    newest = 2,
    streams = 3,
    positions = 4,
    files = 5,
    commit = 6,
    replaced = 7,
    checksums = 8,
    types = 9,
    boxed_newest = 10,
};

// Packs records of a kind into frames of about part_bytes_max.
class PartWriter {
 public:
    PartWriter(files::FrameGroup& group, std::uint64_t next) : group_(group), next_(next) {}

    template <class List, class Measure, class Put>
    void parts(Part part, const List& list, Measure measure, Put put) {
        for (std::size_t i = 0; i < list.size();) {
            std::size_t bytes = 8, end = i;
            while (end < list.size() && (end == i || bytes + measure(list[end]) < part_bytes_max))
                bytes += measure(list[end++]);
            auto payload = group_.begin(next_++, bytes);
            FieldWriter out(payload);
            out.put(std::uint32_t(part));
            out.put(static_cast<std::uint32_t>(end - i));
            for (; i < end; ++i) put(out, list[i]);
            ASSERT(out.size() == bytes);
            group_.seal();
        }
    }
    void begin(bool full) {
        FieldWriter out(group_.begin(next_++, 8));
        out.put(std::uint32_t(Part::begin));
        out.put(std::uint32_t(full));
        group_.seal();
    }
    void commit(std::uint64_t generation, std::uint64_t sealed_through) {
        FieldWriter out(group_.begin(next_++, 24));
        out.put(std::uint32_t(Part::commit));
        out.put(std::uint32_t{0});
        out.put(generation);
        out.put(sealed_through);
        group_.seal();
    }

 private:
    files::FrameGroup& group_;
    std::uint64_t next_;
};

void put_series(FieldWriter& out, const CatalogEntry::Series& s) {
    out.put(s.ref.index);
    out.texts(s.device, s.signal, s.unit);
}
void put_newest(FieldWriter& out, const CatalogEntry::Newest& n) {
    out.put(n.ref.index);
    out.put(n.last.time.ns);
    out.put(n.last.boxed ? no_value : n.last.value);
    out.put(n.last.quality.code);
}
void put_boxed(FieldWriter& out, const CatalogEntry::Newest& n) {
    const auto* text = std::get_if<std::string>(&n.boxed);
    out.put(n.ref.index);
    out.put(std::uint8_t(text != nullptr));
    out.put(text ? std::int64_t{0} : std::get<std::int64_t>(n.boxed));
    out.texts(text ? std::string_view(*text) : std::string_view());
}
std::size_t bytes_of_boxed(const CatalogEntry::Newest& n) {
    const auto* text = std::get_if<std::string>(&n.boxed);
    return 15 + (text ? text->size() : 0);
}
void put_stream(FieldWriter& out, const CatalogEntry::Stream& s) {
    out.put(s.index);
    out.texts(s.device, s.stream);
}
void put_position(FieldWriter& out, const CatalogEntry::Position& p) {
    out.put(p.stream);
    out.put(p.sequence);
}
// Tables as the catalog numbers them. Rollups of before were 2, had other columns, and are as good
// as not there: queries take the points instead.
constexpr std::uint8_t rollups_of_before = 2;
constexpr std::uint8_t rollups_code = 3;
std::uint8_t code_of(Table table) {
    return table == Table::rollups ? rollups_code : std::uint8_t(table);
}

void put_file(FieldWriter& out, const SegmentFile& f) {
    out.put(code_of(f.table));
    out.put(std::uint8_t(f.overlaps));
    out.put(std::uint8_t(f.compacted));
    out.put(std::uint8_t(f.boxed));
    out.put(f.generation);
    out.put(f.rows);
    out.put(f.bytes);
    out.put(f.time_min.ns);
    out.put(f.time_max.ns);
    out.texts(f.path, f.device_first, f.device_last);
}

struct Checksum {
    std::string path;
    std::uint32_t crc = 0;
};

template <class List, class Wanted>
std::vector<typename List::value_type> those_that(const List& list, Wanted wanted) {
    std::vector<typename List::value_type> found;
    std::copy_if(list.begin(), list.end(), std::back_inserter(found), wanted);
    return found;
}

void write_parts(PartWriter& parts, const CatalogEntry& e) {
    auto texts = [](const auto&... text) { return (2 * sizeof...(text)) + (text.size() + ...); };
    parts.begin(e.full);
    parts.parts(
        Part::series, e.series,
        [&](const auto& s) { return 4 + texts(s.device, s.signal, s.unit); }, put_series);
    parts.parts(
        Part::types,
        those_that(e.series, [](const auto& s) { return s.type != ValueType::number; }),
        [](const auto&) { return std::size_t{5}; },
        [](FieldWriter& out, const auto& s) {
            out.put(s.ref.index);
            out.put(std::uint8_t(s.type));
        });
    parts.parts(
        Part::newest, e.newest, [](const auto&) { return std::size_t{21}; }, put_newest);
    parts.parts(Part::boxed_newest,
                those_that(e.newest, [](const auto& n) { return n.last.boxed; }), bytes_of_boxed,
                put_boxed);
    parts.parts(
        Part::streams, e.streams, [&](const auto& s) { return 4 + texts(s.device, s.stream); },
        put_stream);
    parts.parts(
        Part::positions, e.positions, [](const auto&) { return std::size_t{12}; }, put_position);
    parts.parts(
        Part::replaced, e.replaced, [&](const auto& path) { return texts(path); },
        [](FieldWriter& out, const auto& path) { out.texts(path); });
    parts.parts(
        Part::files, e.files,
        [&](const auto& f) { return 44 + texts(f.path, f.device_first, f.device_last); }, put_file);
    std::vector<Checksum> checksums;
    for (const auto& file : e.files)
        if (file.checksum) checksums.push_back({file.path, *file.checksum});
    parts.parts(
        Part::checksums, checksums, [&](const auto& c) { return 4 + texts(c.path); },
        [](FieldWriter& out, const auto& c) {
            out.put(c.crc);
            out.texts(c.path);
        });
    parts.commit(e.generation, e.sealed_through);
}

CatalogEntry::Series get_series(FieldReader& in) {
    CatalogEntry::Series s;
    s.ref.index = in.get<std::uint32_t>();
    in.texts(s.device, s.signal, s.unit);
    return s;
}
CatalogEntry::Newest get_newest(FieldReader& in) {
    CatalogEntry::Newest n;
    n.ref.index = in.get<std::uint32_t>();
    n.last.time.ns = in.get<std::int64_t>();
    n.last.value = in.get<double>();
    n.last.quality.code = in.get<std::uint8_t>();
    return n;
}
CatalogEntry::Stream get_stream(FieldReader& in) {
    CatalogEntry::Stream s;
    s.index = in.get<std::uint32_t>();
    in.texts(s.device, s.stream);
    return s;
}
CatalogEntry::Position get_position(FieldReader& in) {
    CatalogEntry::Position p;
    p.stream = in.get<std::uint32_t>();
    p.sequence = in.get<std::uint64_t>();
    return p;
}
std::string get_path(FieldReader& in) {
    std::string path;
    in.texts(path);
    return path;
}
// Nothing: a file that is of no use any more.
std::optional<SegmentFile> get_file(FieldReader& in) {
    SegmentFile f;
    const auto table = in.get<std::uint8_t>();
    f.table = table == rollups_code ? Table::rollups : Table{table};
    f.overlaps = in.get<std::uint8_t>() != 0;
    f.compacted = in.get<std::uint8_t>() != 0;
    f.boxed = in.get<std::uint8_t>() != 0;
    f.generation = in.get<std::uint64_t>();
    f.rows = in.get<std::uint64_t>();
    f.bytes = in.get<std::uint64_t>();
    f.time_min.ns = in.get<std::int64_t>();
    f.time_max.ns = in.get<std::int64_t>();
    in.texts(f.path, f.device_first, f.device_last);
    if (table == rollups_of_before) return std::nullopt;
    return f;
}

// Puts entries together from frames.
class EntryReader {
 public:
    explicit EntryReader(const Catalog::Visitor& visit) : visit_(visit) {}

    void read(ByteView payload) {
        FieldReader in(payload);
        auto part = Part{in.get<std::uint8_t>()};
        in.bytes(3);
        auto count = in.get<std::uint32_t>();
        if (part == Part::begin) {
            entry_.emplace();
            entry_->full = count != 0;
            typed_ = boxed_ = 0;
        }
        if (!entry_) return;  // its begin was lost to rot
        auto list = [&](auto& into, auto get) {
            for (std::uint32_t i = 0; i < count; ++i) {
                auto item = get(in);
                if (!in.ok()) return;
                into.push_back(std::move(item));
            }
        };
        switch (part) {
            case Part::begin:
                break;
            case Part::series:
                list(entry_->series, get_series);
                break;
            case Part::newest:
                list(entry_->newest, get_newest);
                break;
            case Part::streams:
                list(entry_->streams, get_stream);
                break;
            case Part::positions:
                list(entry_->positions, get_position);
                break;
            case Part::files:
                for (std::uint32_t i = 0; i < count; ++i) {
                    auto file = get_file(in);
                    if (in.ok() && file) entry_->files.push_back(std::move(*file));
                }
                break;
            case Part::replaced:
                list(entry_->replaced, get_path);
                break;
            case Part::checksums:
                for (std::uint32_t i = 0; i < count; ++i) read_checksum(in);
                break;
            case Part::types:
                for (std::uint32_t i = 0; i < count; ++i) read_type(in);
                break;
            case Part::boxed_newest:
                for (std::uint32_t i = 0; i < count; ++i) read_boxed(in);
                break;
            case Part::commit:
                finish(in);
                break;
        }
    }

 private:
    // These two are about what the part before said, in its order.
    void read_type(FieldReader& in) {
        const SeriesRef ref{in.get<std::uint32_t>()};
        const auto type = value_type_of(in.get<std::uint8_t>());
        const auto found = next_of(entry_->series, typed_, ref);
        if (in.ok() && found) entry_->series[*found].type = type;
    }
    void read_boxed(FieldReader& in) {
        const SeriesRef ref{in.get<std::uint32_t>()};
        const bool is_text = in.get<std::uint8_t>() != 0;
        const auto integer = in.get<std::int64_t>();
        std::string text;
        in.texts(text);
        const auto found = next_of(entry_->newest, boxed_, ref);
        if (!in.ok() || !found) return;
        auto& newest = entry_->newest[*found];
        newest.last.boxed = true;
        newest.boxed = is_text ? BoxedValue(std::move(text)) : BoxedValue(integer);
    }
    template <class List>
    static std::optional<std::size_t> next_of(const List& list, std::size_t& from, SeriesRef ref) {
        for (std::size_t i = from; i < list.size(); ++i)
            if (list[i].ref == ref) return from = i, i;
        return std::nullopt;
    }
    void read_checksum(FieldReader& in) {
        const auto crc = in.get<std::uint32_t>();
        std::string path;
        in.texts(path);
        for (auto& file : entry_->files)
            if (in.ok() && file.path == path) file.checksum = crc;
    }
    void finish(FieldReader& in) {
        entry_->generation = in.get<std::uint64_t>();
        entry_->sealed_through = in.get<std::uint64_t>();
        if (in.ok() && visit_) visit_(std::move(*entry_));
        entry_.reset();
    }
    const Catalog::Visitor& visit_;
    std::optional<CatalogEntry> entry_;
    std::size_t typed_ = 0, boxed_ = 0;  // how far in its series and newest values
};

}  // namespace

Result<Catalog> Catalog::open(files::Files& files, std::string directory, const Visitor& visit) {
    files::AppendLogOptions options;
    options.directory = std::move(directory);
    options.purpose = "catalog";
    options.segment_bytes = std::size_t{16} << 20;
    EntryReader reader(visit);
    TRY(auto log, files::AppendLog::open(files, options, [&reader](const files::LogFrame& frame) {
            reader.read(frame.payload);
        }));
    return Catalog(std::move(log));
}

Result<> Catalog::enter(const CatalogEntry& entry) {
    files::FrameGroup group;
    PartWriter parts(group, log_.next());
    write_parts(parts, entry);
    auto first = log_.next();
    if (entry.full) log_.rotate();
    TRY_VOID(log_.commit(group).context("enter seal into the catalog"));
    if (!entry.full) return {};
    if (auto dropped = log_.drop(first - 1); !dropped)
        log::warn("history.catalog.drop_failed", {{"why", dropped.error()}});
    full_bytes_ = log_.bytes();
    return {};
}

bool Catalog::wants_full() const {
    return log_.bytes() > std::max(small_catalog_bytes, 4 * full_bytes_);
}

}  // namespace mw::history
