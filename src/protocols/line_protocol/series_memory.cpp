#include "protocols/line_protocol/series_memory.h"

#include <algorithm>
#include <cstring>

#include "protocols/payload/payload.h"

namespace mw::line_protocol {
namespace {

// The offset of the first `wanted` that no backslash precedes; npos.
std::size_t find_bare(std::string_view text, char wanted, std::size_t from) {
    for (std::size_t i = from; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == wanted)
            return i;
    }
    return std::string_view::npos;
}

}  // namespace

Key::Field::Field(std::string_view name, std::uint32_t found)
    : size(static_cast<std::uint32_t>(name.size())), series(found), raw(name) {
    if (raw.size() >= sizeof word) return;
    const std::string text = raw + '=';
    std::memcpy(&word, text.data(), text.size());
    mask = ~std::uint64_t{0} >> (8 * (sizeof word - text.size()));
}

std::string unescape(std::string_view raw) {
    std::string text;
    text.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const bool escapes = raw[i] == '\\' && i + 1 < raw.size() &&
                             (raw[i + 1] == ',' || raw[i + 1] == '=' || raw[i + 1] == ' ');
        text += escapes ? raw[++i] : raw[i];
    }
    return text;
}

void SeriesMemory::forget_if_full() {
    if (series.size() <= limits_.series && keys.size() <= limits_.series) return;
    by_raw_.clear();
    device_by_name_.clear();
    series_by_name_.clear();
    keys.clear();
    devices.clear();
    series.clear();
}

bool SeriesMemory::find_key(std::string_view raw, const std::string& fallback, std::uint32_t& key,
                            Misread& why) {
    const auto known = by_raw_.find(raw);
    if (known != by_raw_.end()) {
        key = known->second;
        Key& old = keys[key];
        if (old.fallback.empty() || old.fallback == fallback) return true;
        // The same line from another client: its device is another one, too.
        Key again;
        if (!read_key(raw, fallback, again, why)) return false;
        old.fallback = again.fallback;
        old.device = again.device;
        old.by_name.clear();
        old.fields.clear();
        return true;
    }
    Key made;
    if (!read_key(raw, fallback, made, why)) return false;
    made.raw.assign(raw);
    key = static_cast<std::uint32_t>(keys.size());
    keys.push_back(std::move(made));
    by_raw_.emplace(keys.back().raw, key);
    return true;
}

bool SeriesMemory::read_key(std::string_view raw, const std::string& fallback, Key& key,
                            Misread& why) {
    struct Tag {
        std::string name, value;
        std::size_t at;
    };
    std::vector<Tag> tags;
    const std::size_t end = std::min(find_bare(raw, ',', 0), raw.size());
    key.measurement = unescape(raw.substr(0, end));
    for (std::size_t at = end; at < raw.size();) {
        const std::size_t begin = at + 1;
        at = std::min(find_bare(raw, ',', begin), raw.size());
        const auto tag = raw.substr(begin, at - begin);
        const auto equals = find_bare(tag, '=', 0);
        if (equals == std::string_view::npos || equals == 0 || equals + 1 == tag.size() ||
            find_bare(tag, '=', equals + 1) != std::string_view::npos) {
            why = {begin,
                   "want a tag as key=value, neither of them empty; escape ',', '=' and ' ' "
                   "in them with a backslash"};
            return false;
        }
        tags.push_back({unescape(tag.substr(0, equals)), unescape(tag.substr(equals + 1)), begin});
    }
    std::stable_sort(tags.begin(), tags.end(),
                     [](const Tag& a, const Tag& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < tags.size(); ++i)
        if (tags[i].name == tags[i - 1].name) {
            why = {tags[i].at, "the tag '" + tags[i].name + "' is there twice; send it once"};
            return false;
        }
    auto named = tags.end();
    for (const auto& wanted : naming_.device_tags) {
        named = std::find_if(tags.begin(), tags.end(),
                             [&](const Tag& tag) { return tag.name == wanted; });
        if (named != tags.end()) break;
    }
    if (named == tags.end() && fallback.empty()) {
        std::string list;
        for (const auto& tag : naming_.device_tags) list += (list.empty() ? "" : ", ") + tag;
        why = {0, "no device: want one of the tags " + list + ", or ?device=NAME in the URL"};
        return false;
    }
    const std::string& device = named == tags.end() ? fallback : named->value;
    why.at = named == tags.end() ? 0 : named->at;
    if (!check(device, "device", why)) return false;
    if (named == tags.end()) key.fallback = fallback;
    key.device = device_of(device);
    for (auto tag = tags.begin(); tag != tags.end(); ++tag)
        if (tag != named) key.tags += "," + tag->name + "=" + tag->value;
    return true;
}

bool SeriesMemory::check(std::string_view name, const char* what, Misread& why) const {
    const auto good = payload::check_name(name, limits_.name_bytes);
    if (good) return true;
    why.message =
        std::string(what) + " '" + std::string(name.substr(0, 60)) + "': " + good.error().message;
    return false;
}

bool SeriesMemory::find_field(std::uint32_t at, std::string_view raw, std::uint32_t& found,
                              Misread& why) {
    Key& key = keys[at];
    if (const auto known = key.by_name.find(raw); known != key.by_name.end()) {
        found = key.fields[known->second].series;
        return true;
    }
    if (raw.empty()) {
        why = {0, "a field needs a name before its '='"};
        return false;
    }
    const std::string field = unescape(raw);
    std::string signal = field + key.tags;
    if (naming_.signal == SignalForm::dot) signal = key.measurement + "." + signal;
    if (naming_.signal == SignalForm::underscore) signal = key.measurement + "_" + signal;
    why.at = 0;
    if (!check(signal, "signal", why)) return false;
    found = series_of(key.device, std::move(signal));
    key.fields.emplace_back(raw, found);
    // The views must not move when `fields` grows: short strings live inside their objects.
    if (key.fields.size() == key.fields.capacity() || key.by_name.empty()) {
        key.fields.reserve(2 * key.fields.size() + 14);
        key.by_name.clear();
        for (std::uint32_t i = 0; i < key.fields.size(); ++i)
            key.by_name.emplace(key.fields[i].raw, i);
    } else {
        key.by_name.emplace(key.fields.back().raw,
                            static_cast<std::uint32_t>(key.fields.size() - 1));
    }
    return true;
}

std::uint32_t SeriesMemory::device_of(const std::string& name) {
    const auto [known, added] =
        device_by_name_.emplace(name, static_cast<std::uint32_t>(devices.size()));
    if (added) devices.emplace_back().name = name;
    return known->second;
}

std::uint32_t SeriesMemory::series_of(std::uint32_t device, std::string signal) {
    std::string name = devices[device].name + '\0' + signal;
    const auto [known, added] =
        series_by_name_.emplace(std::move(name), static_cast<std::uint32_t>(series.size()));
    if (added) {
        series.emplace_back().device = device;
        series.back().signal = std::move(signal);
    }
    return known->second;
}

}  // namespace mw::line_protocol
