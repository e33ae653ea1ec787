#pragma once
// Configuration by rows: a module has `struct Options` with its defaults in place and one row per
// key. From the rows come reading, schema and help. Used at start-up by one thread.
//
//     config::Section describe(mqtt::Options& o) {
//         config::Section section{"mqtt", "The MQTT door"};
//         section.row("port", o.port, {.min = 0, .max = 65535, .help = "TCP port, 0 takes a free
//         one"}); section.row("keep_alive", o.keep_alive, {.max = 3600, .help = "longest keep alive
//         granted"}); return section;
//     }
//     TRY_VOID(config::read(yaml_text, sections));

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mw::config {

// What people need to know about a key. Bounds of durations are in seconds, of strings in bytes,
// of lists in elements.
struct About {
    std::string unit = {};  // "bytes", "points"; durations carry theirs in the value
    std::optional<double> min = {};
    std::optional<double> max = {};
    bool reload = false;                   // takes effect without a restart
    std::vector<std::string> one_of = {};  // for strings
    std::string help = {};
};

enum class Kind { boolean, integer, number, text, duration, list, objects };

class Section;

struct Row {
    std::string name;
    Kind kind;
    About about;
    Json initial;                                 // the default, as it would be written
    std::function<Result<>(const Json&)> assign;  // kind and bounds were checked
    // Objects: the rows of each, and what speaks against one.
    std::vector<Section> element;
    std::function<Result<>(const Json&)> check = {};
};

class Section {
 public:
    // name "" puts the rows at the top level; dots nest.
    explicit Section(std::string name, std::string help = {})
        : name_(std::move(name)), help_(std::move(help)) {}

    // value: bool, an integer, double, std::string, a chrono duration or std::vector<std::string>.
    // It must outlive reading.
    template <class T>
    Section& row(std::string name, T& value, About about);
    // A list of objects. describe(T&) gives the sections of one.
    template <class T, class Describe>
    Section& objects(std::string name, std::vector<T>& value, Describe describe, About about);

    const std::string& name() const { return name_; }
    const std::string& help() const { return help_; }
    const std::vector<Row>& rows() const { return rows_; }

 private:
    std::string name_;
    std::string help_;
    std::vector<Row> rows_;
};

// Reads one YAML (or JSON) document into the options behind the sections. Nothing is assigned
// unless all of it is right. invalid_input names the dotted key, what is wrong and, for unknown
// keys, the nearest known one.
Result<> read(std::string_view yaml, std::span<const Section> sections);
Result<> read(const Json& document, std::span<const Section> sections);

// JSON Schema of the whole document.
Json schema(std::span<const Section> sections);
// Text for people: each key with its default, unit, bounds and help. only: a section or key, or "".
std::string explain(std::span<const Section> sections, std::string_view only = "");

// ---- only the template's body below

template <class T>
struct is_duration : std::false_type {};
template <class Rep, class Period>
struct is_duration<std::chrono::duration<Rep, Period>> : std::true_type {};

Json duration_to_json(nanoseconds duration);
Result<nanoseconds> duration_from_json(const Json& value);

template <class T>
Section& Section::row(std::string name, T& value, About about) {
    Row row{.name = std::move(name),
            .kind = {},
            .about = std::move(about),
            .initial = {},
            .assign = {},
            .element = {},
            .check = {}};
    if constexpr (std::is_same_v<T, bool>) {
        row.kind = Kind::boolean, row.initial = value;
        row.assign = [&value](const Json& json) { return value = json.as_bool(), Result<>{}; };
    } else if constexpr (std::is_integral_v<T>) {
        row.kind = Kind::integer, row.initial = static_cast<std::int64_t>(value);
        double lowest = static_cast<double>(std::numeric_limits<T>::min());
        double highest = static_cast<double>(std::numeric_limits<T>::max());
        if (!row.about.min || *row.about.min < lowest)
            row.about.min = std::is_signed_v<T> ? row.about.min : 0.0;
        if (sizeof(T) < 8 && (!row.about.max || *row.about.max > highest)) row.about.max = highest;
        row.assign = [&value](const Json& json) {
            return value = json.is_uint64() ? static_cast<T>(json.as_uint64())
                                            : static_cast<T>(json.as_int64()),
                   Result<>{};
        };
    } else if constexpr (std::is_floating_point_v<T>) {
        row.kind = Kind::number, row.initial = static_cast<double>(value);
        row.assign = [&value](const Json& json) {
            value = json.is_double() ? json.as_double() : json.to_number<double>();
            return Result<>{};
        };
    } else if constexpr (is_duration<T>::value) {
        row.kind = Kind::duration, row.initial = duration_to_json(value);
        row.assign = [&value](const Json& json) -> Result<> {
            TRY(auto duration, duration_from_json(json));
            value = std::chrono::duration_cast<T>(duration);
            return {};
        };
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        row.kind = Kind::list;
        JsonArray initial;
        for (const auto& element : value) initial.emplace_back(element);
        row.initial = std::move(initial);
        row.assign = [&value](const Json& json) {
            value.clear();
            for (const auto& element : json.as_array())
                value.emplace_back(element.as_string().c_str());
            return Result<>{};
        };
    } else {
        static_assert(std::is_same_v<T, std::string>, "config has no row for this type");
        row.kind = Kind::text, row.initial = value;
        row.assign = [&value](const Json& json) {
            return value = json.as_string().c_str(), Result<>{};
        };
    }
    rows_.push_back(std::move(row));
    return *this;
}

template <class T, class Describe>
Section& Section::objects(std::string name, std::vector<T>& value, Describe describe, About about) {
    Row row{.name = std::move(name),
            .kind = Kind::objects,
            .about = std::move(about),
            .initial = JsonArray{},
            .assign = {},
            .element = {},
            .check = {}};
    T example;
    row.element = describe(example);  // its rows are shown, and assign nothing
    const auto read_one = [describe](const Json& json, T& item) {
        const std::vector<Section> sections = describe(item);
        return read(json, sections);
    };
    row.check = [read_one](const Json& json) {
        T item;
        return read_one(json, item);
    };
    row.assign = [&value, read_one](const Json& json) -> Result<> {
        std::vector<T> items;
        for (const auto& element : json.as_array())
            TRY_VOID(read_one(element, items.emplace_back()));
        value = std::move(items);
        return {};
    };
    rows_.push_back(std::move(row));
    return *this;
}

}  // namespace mw::config
