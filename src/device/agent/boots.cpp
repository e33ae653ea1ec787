#include "device/agent/boots.h"

#include <algorithm>

#include "base/json.h"

namespace mw::agent {
namespace {

constexpr std::size_t starts_max = 100;
constexpr std::uint64_t boots_bytes_max = 64 * 1024;

std::vector<Timestamp> read(files::Files& files, const std::string& path) {
    std::vector<Timestamp> starts;
    const auto bytes = files::read_all(files, path, boots_bytes_max);
    if (!bytes) return starts;
    const auto json = parse_json(text_of(*bytes));
    if (!json) return starts;
    if (const Json* list = find(*json, "starts"); list && list->is_array())
        for (const Json& each : list->get_array())
            if (each.is_int64()) starts.push_back({each.get_int64()});
    return starts;
}

}  // namespace

std::size_t boots_lately(const std::vector<Timestamp>& starts, Timestamp now) {
    return static_cast<std::size_t>(std::ranges::count_if(
        starts, [&](Timestamp at) { return at > now - boots_kept && at <= now; }));
}

Result<std::vector<Timestamp>> note_start(files::Files& files, const std::string& directory,
                                          Timestamp now) {
    const std::string path = files::join(directory, "boots.json");
    std::vector<Timestamp> starts = read(files, path);
    // What lies in the future was noted by a clock that went wrong.
    std::erase_if(starts, [&](Timestamp at) { return at <= now - boots_kept || at > now; });
    starts.push_back(now);
    if (starts.size() > starts_max)
        starts.erase(starts.begin(), starts.end() - static_cast<std::ptrdiff_t>(starts_max));
    JsonArray list;
    for (const Timestamp at : starts) list.emplace_back(at.ns);
    const std::string text =
        to_json(JsonObject{{"version", 1}, {"starts", std::move(list)}}) + "\n";
    TRY_VOID(files::atomic_replace(files, path, bytes_of(text)));
    return starts;
}

}  // namespace mw::agent
