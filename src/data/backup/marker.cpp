#include "data/backup/marker.h"

#include "base/json.h"

namespace mw::backup {

Result<std::optional<Marker>> read_marker(files::Files& files, const std::string& data,
                                          std::string_view name) {
    const auto path = files::join(data, name);
    TRY(const auto size, files.size(path));
    if (!size) return std::optional<Marker>();
    TRY(const auto bytes, files::read_all(files, path, 64 << 20));
    const auto json = parse_json(text_of(bytes));
    if (!json) return std::optional<Marker>(Marker{});  // it is there: that is what counts
    Marker marker;
    marker.repository = find_string(*json, "repository").value_or("");
    marker.backup = find_string(*json, "backup").value_or("");
    marker.by = find_string(*json, "by").value_or("");
    if (const auto at = parse_iso8601(find_string(*json, "at").value_or(""))) marker.at = *at;
    if (const Json* damaged = find(*json, "damaged"); damaged && damaged->is_array())
        for (const auto& path : damaged->get_array())
            if (path.is_string()) marker.damaged.emplace_back(path.get_string());
    return std::optional(std::move(marker));
}

Result<> write_marker(files::Files& files, const std::string& data, std::string_view name,
                      const Marker& marker) {
    JsonArray damaged(marker.damaged.begin(), marker.damaged.end());
    const Json json = JsonObject{{"repository", marker.repository},
                                 {"backup", marker.backup},
                                 {"by", marker.by},
                                 {"at", to_iso8601(marker.at)},
                                 {"damaged", std::move(damaged)}};
    return files::atomic_replace(files, files::join(data, name),
                                 bytes_of(to_pretty_json(json) + "\n"));
}

Result<> remove_marker(files::Files& files, const std::string& data, std::string_view name) {
    TRY_VOID(files.remove(files::join(data, name)));
    return files.sync_directory(data);
}

Result<> check_whole(files::Files& files, const std::string& data) {
    TRY(const auto marker, read_marker(files, data, unfinished_name));
    if (!marker) return {};
    const std::string backup =
        marker->backup.empty() ? "DIR" : marker->repository + " " + marker->backup;
    return Error{Errc::conflict, data +
                                     ": a restore into it did not finish, so it is not whole. "
                                     "Next step: millwright restore " +
                                     backup + " --into " + data + ", which goes on"};
}

}  // namespace mw::backup
