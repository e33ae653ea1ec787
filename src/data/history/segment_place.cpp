#include "data/history/segment_place.h"

#include <charconv>

#include "data/history/checksum.h"
#include "data/history/slices.h"

namespace mw::history {
namespace {

constexpr std::size_t generation_digits = 20;
constexpr std::size_t rewrite_digits = 10;

std::string padded(std::uint64_t number, std::size_t digits) {
    auto text = std::to_string(number);
    return std::string(digits - std::min(digits, text.size()), '0') + text;
}

bool whole_number(std::string_view text, std::uint64_t& number) {
    auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

}  // namespace

std::string SegmentPlace::temporary(Table table) const {
    return files::join(files::join(directory_, "tmp"), std::string(folder_of(table)) + "-" + name_);
}

Result<> SegmentPlace::keep(SegmentFile& file) {
    auto fresh = temporary(file.table);
    auto day = files::join(folder_of(file.table), day_folder(file.time_min));
    auto folder = files::join(directory_, day);
    TRY_VOID(files_.sync_path(fresh));
    TRY(auto size, files_.size(fresh));
    file.bytes = size.value_or(0);
    TRY(file.checksum, checksum_of(files_, fresh));
    TRY_VOID(files_.make_directories(folder));
    TRY_VOID(files_.rename(fresh, files::join(folder, name_)));
    TRY_VOID(files_.sync_directory(folder));
    file.path = files::join(day, name_);
    return {};
}

PointPaths SegmentPlace::fresh_points() const {
    PointPaths paths{temporary(Table::points), temporary(Table::rollups)};
    ignore(files_.remove(paths.points), "usually there is none");
    ignore(files_.remove(paths.rollups), "usually there is none");
    return paths;
}

Result<> SegmentPlace::keep_points(SegmentFile points, std::uint64_t rollups,
                                   std::vector<SegmentFile>& kept) {
    auto beside = points;
    TRY_VOID(keep(points));
    kept.push_back(std::move(points));
    if (rollups == 0) return {};
    beside.table = Table::rollups;
    beside.rows = rollups;
    beside.boxed = false;
    TRY_VOID(keep(beside));
    kept.push_back(std::move(beside));
    return {};
}

void SegmentPlace::give_up() {
    for (auto table : {Table::points, Table::decisions, Table::rollups})
        ignore(files_.remove(temporary(table)), "give the space back");
}

std::string_view folder_of(Table table) {
    switch (table) {
        case Table::points:
            return "points";
        case Table::decisions:
            return "decisions";
        case Table::rollups:
            return "rollups";
    }
    return "points";
}

std::string segment_file_name(SegmentName name, const std::string& extension) {
    auto text = padded(name.generation, generation_digits);
    if (name.rewrite > 0) text += "-" + padded(name.rewrite, rewrite_digits);
    return text + extension;
}

std::optional<SegmentName> segment_name_in(std::string_view name) {
    SegmentName found;
    auto stem = name.substr(0, name.find('.'));
    if (stem.size() == name.size() || stem.size() < generation_digits) return std::nullopt;
    if (!whole_number(stem.substr(0, generation_digits), found.generation)) return std::nullopt;
    stem.remove_prefix(generation_digits);
    if (stem.empty()) return found;
    if (stem[0] != '-' || stem.size() != 1 + rewrite_digits) return std::nullopt;
    if (!whole_number(stem.substr(1), found.rewrite) || found.rewrite == 0) return std::nullopt;
    return found;
}

}  // namespace mw::history
