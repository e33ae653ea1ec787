#include "data/segments/group_reader.h"

#include <algorithm>

namespace mw::segments {

Result<std::shared_ptr<const Footer>> footer_of(PartCache& cache, files::Files& files,
                                                const std::string& path) {
    const PartKey key{path};
    auto kept = cache.get(key);
    if (!kept) {
        TRY(auto file, files.open(path, files::Mode::read));
        TRY(auto footer, Footer::read(*file, path));
        const std::size_t bytes = footer.bytes() + path.size();
        kept = std::make_shared<const KeptPart>(std::move(footer));
        cache.put(key, kept, bytes);
    }
    return std::shared_ptr<const Footer>(kept, &std::get<Footer>(*kept));
}

void ColumnValues::integers(std::uint32_t begin, std::uint32_t end, std::int64_t* out) const {
    if (const std::int64_t* values = flat(begin))
        std::copy_n(values, end - begin, out);
    else
        page_->deltas.read(begin, end, out);
}

void GroupReader::open(const std::string& path, std::shared_ptr<const Footer> footer,
                       std::size_t group) {
    path_ = path;
    footer_ = std::move(footer);
    group_ = group;
    for (auto& [name, values] : columns_) values.page_.reset();
}

Result<files::File*> GroupReader::opened(const std::string& path) {
    for (OpenFile* one : {&now_, &next_})
        if (one->file && one->path == path) return one->file.get();
    if (now_.file) std::swap(now_, next_);
    TRY(now_.file, files_->open(path, files::Mode::read));
    now_.path = path;
    return now_.file.get();
}

void GroupReader::expect(const std::string& path, const Footer& footer, std::size_t group,
                         std::span<const std::string_view> names) {
    for (const std::string_view name : names) {
        const auto column = footer.column(name);
        if (!column) continue;  // load() says so
        if (cache_->get({path, static_cast<int>(group), static_cast<int>(*column)})) continue;
        const auto file = opened(path);
        if (!file) return;
        const ChunkPlace& place = footer.groups()[group].chunks[*column];
        (*file)->expect(place.begin, place.size);
    }
}

Result<ColumnPage> GroupReader::read(std::size_t column, bool marked) {
    TRY(files::File* const file, opened(path_));
    const ChunkPlace& place = footer_->groups()[group_].chunks[column];
    bytes_.resize(place.size);
    TRY(const std::size_t got, file->read_at(place.begin, bytes_));
    if (got != place.size) return Error{Errc::corrupt, "it was cut while it was read"};
    return ColumnPage::open(bytes_, footer_->columns()[column], place, zstd_, marked);
}

Result<ColumnPage> GroupReader::read_named(std::string_view name) {
    const auto column = footer_->column(name);
    if (!column) return Error{Errc::corrupt, "it has no column " + std::string(name)};
    return read(*column, false);
}

Result<SeriesDirectory> GroupReader::make_directory() {
    SeriesDirectory::Pages pages;
    TRY(pages.series, read_named("series"));
    TRY(pages.device_id, read_named("device_id"));
    TRY(pages.divisor, read_named("d"));
    std::size_t at = 0;
    for (const char* name : {"device", "signal", "unit", "asset", "site"}) {
        TRY(pages.texts[at++], read_named(name));
    }
    return SeriesDirectory::make(pages);
}

Result<std::shared_ptr<const SeriesDirectory>> GroupReader::directory() {
    const PartKey key{path_, static_cast<int>(group_)};
    auto kept = cache_->get(key);
    if (!kept) {
        TRY(auto made, make_directory());
        const std::size_t bytes = made.bytes() + path_.size();
        kept = std::make_shared<const KeptPart>(std::move(made));
        cache_->put(key, kept, bytes);
    }
    return std::shared_ptr<const SeriesDirectory>(kept, &std::get<SeriesDirectory>(*kept));
}

Result<> GroupReader::load(std::string_view name, Encoding encoding) {
    ColumnValues& values = columns_.try_emplace(std::string(name)).first->second;
    if (values.loaded()) return {};
    const auto column = footer_->column(name);
    if (!column) return Error{Errc::corrupt, "it has no column " + std::string(name)};
    values.flat_.clear();
    const PartKey key{path_, static_cast<int>(group_), static_cast<int>(*column)};
    auto kept = few_ ? cache_->get(key) : nullptr;
    if (!kept) {
        TRY(auto page, read(*column, few_).context(name));
        const std::size_t bytes = page.bytes() + path_.size();
        kept = std::make_shared<const KeptPart>(std::move(page));
        if (few_) cache_->put(key, kept, bytes);
    }
    const ColumnPage& page = std::get<ColumnPage>(*kept);
    if (page.values() > 0 && footer_->groups()[group_].chunks[*column].encoding != encoding)
        return Error{Errc::corrupt, std::string(name) + ": another encoding"};
    values.page_ = {kept, &page};
    if (!few_ && values.page_->deltas.count() > 0) {
        values.flat_.resize(values.page_->deltas.count());
        values.page_->deltas.read_all(values.flat_.data());
    }
    return {};
}

const ColumnValues& GroupReader::operator[](std::string_view name) const {
    static const ColumnValues absent;
    const auto at = columns_.find(name);
    return at == columns_.end() ? absent : at->second;
}

}  // namespace mw::segments
