#pragma once
// Columns of one row group after the other, read when they are wanted. Footers, directories and the
// pages of which few rows are wanted are kept in a cache that readers share. A reader belongs to
// one thread.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "data/segments/series_directory.h"
#include "platform/cache/cache.h"

namespace mw::segments {

// What is kept of a file: its footer, and of a row group its directory and pages.
struct PartKey {
    std::string path;
    int group = -1;
    int column = -1;
    bool operator==(const PartKey&) const = default;
};
struct HashPartKey {
    std::size_t operator()(const PartKey& key) const {
        const auto number = static_cast<std::size_t>(key.group) * 64 + key.column;
        return std::hash<std::string>()(key.path) ^ (number * 0x9e3779b97f4a7c15u);
    }
};
using KeptPart = std::variant<Footer, SeriesDirectory, ColumnPage>;
using PartCache = SharedCache<PartKey, KeptPart, HashPartKey>;

Result<std::shared_ptr<const Footer>> footer_of(PartCache& cache, files::Files& files,
                                                const std::string& path);

// A column of the row group at hand.
class ColumnValues {
 public:
    bool loaded() const { return page_ != nullptr; }
    const ColumnPage& page() const { return *page_; }
    // Of DELTA_BINARY_PACKED: values [begin, end), counted without nulls.
    void integers(std::uint32_t begin, std::uint32_t end, std::int64_t* out) const;
    // The same where they stand, if the whole column was unpacked; else null.
    const std::int64_t* flat(std::uint32_t begin) const {
        return flat_.empty() ? nullptr : flat_.data() + begin;
    }
    double plain(std::uint32_t value) const {
        return load_le<double>(page_->plain.data() + value * sizeof(double));
    }

 private:
    friend class GroupReader;
    std::shared_ptr<const ColumnPage> page_;
    std::vector<std::int64_t> flat_;
};

class GroupReader {
 public:
    GroupReader(PartCache& cache, files::Files& files) : cache_(&cache), files_(&files) {}

    // A hint: these columns of a group will be loaded soon, now or after the next open().
    void expect(const std::string& path, const Footer& footer, std::size_t group,
                std::span<const std::string_view> names);
    void open(const std::string& path, std::shared_ptr<const Footer> footer, std::size_t group);
    Result<std::shared_ptr<const SeriesDirectory>> directory();
    // Before the first load() of a group: whether few of its rows are wanted.
    void expect_few(bool few) { few_ = few; }
    // corrupt: the file has no such column, or it has values in another encoding.
    Result<> load(std::string_view name, Encoding encoding);
    const ColumnValues& operator[](std::string_view name) const;

 private:
    Result<ColumnPage> read(std::size_t column, bool marked);
    Result<ColumnPage> read_named(std::string_view name);
    Result<SeriesDirectory> make_directory();

    PartCache* cache_;
    files::Files* files_;
    Decompressor zstd_;
    Bytes bytes_;
    std::string path_;
    std::shared_ptr<const Footer> footer_;
    std::size_t group_ = 0;
    bool few_ = false;
    struct OpenFile {
        std::string path;
        std::unique_ptr<files::File> file;
    };
    Result<files::File*> opened(const std::string& path);
    OpenFile now_, next_;  // what is read, and what is expected
    std::map<std::string, ColumnValues, std::less<>> columns_;
};

}  // namespace mw::segments
