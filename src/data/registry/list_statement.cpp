#include <algorithm>
#include <charconv>
#include <span>

#include "data/registry/reader.h"

namespace mw::registry {
namespace {

class Builder {
 public:
    // Adds a parameter and gives its place.
    std::string bind(std::string text) {
        parameters_.push_back(std::move(text));
        return "?" + std::to_string(parameters_.size());
    }
    void where(const std::string& condition) { conditions_ += " AND " + condition; }
    bool is_driven() const { return names_ != "r.name"; }
    void from(std::string table, std::string names) {
        from_ = std::move(table);
        names_ = std::move(names);
    }

    ListStatement finish(const std::string& kind, const std::string& after, std::size_t limit) {
        const auto k = bind(kind), a = bind(after);
        // CROSS JOIN keeps the driving table outermost: its rows come in the order of names.
        return {std::string("SELECT ") + resource_columns + " FROM " + from_ +
                    " WHERE r.kind=" + k + " AND " + names_ + ">" + a + conditions_ + " ORDER BY " +
                    names_ + " LIMIT " + std::to_string(limit),
                std::move(parameters_)};
    }

 private:
    std::string from_ = "resources r";
    std::string names_ = "r.name";
    std::string conditions_;
    std::vector<std::string> parameters_;
};

void add_label_term(Builder& b, const SelectorTerm& term) {
    const bool valued =
        term.test == SelectorTerm::Test::equal || term.test == SelectorTerm::Test::not_equal;
    const bool wanted =
        term.test == SelectorTerm::Test::equal || term.test == SelectorTerm::Test::exists;
    auto probe = "EXISTS (SELECT 1 FROM labels WHERE kind=r.kind AND name=r.name AND key=" +
                 b.bind(term.key) + (valued ? " AND value=" + b.bind(term.value) : "") + ")";
    b.where(wanted ? probe : "NOT " + probe);
}

void drive_by_label(Builder& b, const SelectorTerm& term, const std::string& kind) {
    b.where("l.kind=" + b.bind(kind) + " AND l.key=" + b.bind(term.key) +
            " AND l.value=" + b.bind(term.value));
    b.from("labels l CROSS JOIN resources r ON r.kind=l.kind AND r.name=l.name", "l.name");
}

void drive_by_reference(Builder& b, const SelectorTerm& term, const std::string& kind,
                        std::string_view target) {
    b.where("f.to_kind=" + b.bind(std::string(target)) + " AND f.to_name=" + b.bind(term.value) +
            " AND f.from_kind=" + b.bind(kind) + " AND f.path=" + b.bind(term.key));
    b.from("refs f CROSS JOIN resources r ON r.kind=f.from_kind AND r.name=f.from_name",
           "f.from_name");
}

// $."a"."b": the selector's grammar lets only letters, digits and . _ - / through.
std::string json_path(std::string_view dotted) {
    std::string path = "$";
    for (std::size_t from = 0; from <= dotted.size();) {
        const auto dot = std::min(dotted.find('.', from), dotted.size());
        path += ".\"" + std::string(dotted.substr(from, dot - from)) + "\"";
        from = dot + 1;
    }
    return path;
}

void add_field_term(Builder& b, const SelectorTerm& term) {
    const bool equal = term.test == SelectorTerm::Test::equal;
    if (term.key == "name" || term.key == "domain")
        return b.where("r." + term.key + (equal ? "=" : "<>") + b.bind(term.value));
    const bool in_spec = term.key.starts_with("spec.");
    const std::string column = in_spec ? "r.spec" : "r.status";
    const auto p = b.bind(json_path(std::string_view(term.key).substr(in_spec ? 5 : 7)));
    const auto v = b.bind(term.value);
    const auto json = "json_extract(" + column + "," + p + ")";
    b.where("(CASE json_type(" + column + "," + p + ") WHEN 'true' THEN " + v +
            "='true' WHEN 'false' THEN " + v + "='false' WHEN 'real' THEN " + json + "=CAST(" + v +
            " AS REAL) WHEN 'null' THEN 0 ELSE CAST(" + json + " AS TEXT)=" + v + " END) IS " +
            (equal ? "TRUE" : "NOT TRUE"));
}

std::string any_of_values(Builder& b, const std::vector<std::string>& values) {
    std::string list;
    for (const auto& value : values) list += (list.empty() ? "" : ",") + b.bind(value);
    return " IN (" + list + ")";
}

// From the row itself, which has to be read anyway: a look into `labels` for each row takes thrice
// as long.
std::string reached_by(Builder& b, const Reach& reach) {
    std::string all = "1";
    if (reach.domains) all += " AND r.domain" + any_of_values(b, *reach.domains);
    for (const auto& [name, values] : reach.labels) {
        if (name.find_first_of("\"\\") == std::string::npos) {
            all += " AND json_extract(r.labels," + b.bind("$.\"" + name + "\"") + ")";
            all += any_of_values(b, values);
        } else {  // no path can say it
            all += " AND EXISTS (SELECT 1 FROM labels WHERE kind=r.kind AND name=r.name AND key=" +
                   b.bind(name) + " AND value" + any_of_values(b, values) + ")";
        }
    }
    return all;
}

// SQLite limits how deep an expression is, so that many are paired instead of chained.
std::string any_of(std::span<const std::string> ways) {
    if (ways.empty()) return "0";
    if (ways.size() == 1) return "(" + ways.front() + ")";
    const auto half = ways.size() / 2;
    return "(" + any_of(ways.first(half)) + " OR " + any_of(ways.subspan(half)) + ")";
}

// A label with one value that all who are reached have.
std::optional<SelectorTerm> single_label(const Reaches& reach) {
    if (!reach || reach->size() != 1) return std::nullopt;
    for (const auto& [name, values] : reach->front().labels)
        if (values.size() == 1)
            return SelectorTerm{SelectorTerm::Test::equal, name, values.front()};
    return std::nullopt;
}

}  // namespace

Result<ListStatement> make_list_statement(const ListQuery& query, const std::string& after,
                                          std::size_t limit) {
    TRY(auto labels, parse_label_selector(query.label_selector).context("labelSelector"));
    TRY(auto fields, parse_field_selector(query.field_selector).context("fieldSelector"));
    TRY(const Kind* kind, want_kind(query.kind));
    Builder b;
    const auto equal = [](const SelectorTerm& t) { return t.test == SelectorTerm::Test::equal; };
    const auto indexed = [&](const SelectorTerm& t) {
        return equal(t) && !referred_kind(*kind, t.key).empty();
    };
    // References come first: they are usually rarer than labels.
    if (auto field = std::find_if(fields.begin(), fields.end(), indexed); field != fields.end()) {
        drive_by_reference(b, *field, query.kind, referred_kind(*kind, field->key));
        fields.erase(field);
    } else if (auto label = std::find_if(labels.begin(), labels.end(), equal);
               label != labels.end()) {
        drive_by_label(b, *label, query.kind);
        labels.erase(label);
    }
    // Who reaches little of much gets it by the label that they reach it by.
    if (const auto term = single_label(query.reach); term && !b.is_driven())
        drive_by_label(b, *term, query.kind);
    for (const auto& term : labels) add_label_term(b, term);
    for (const auto& term : fields) add_field_term(b, term);
    if (query.reach) {
        std::vector<std::string> ways;
        for (const Reach& one : *query.reach) ways.push_back(reached_by(b, one));
        b.where(any_of(ways));
    }
    return b.finish(query.kind, after, limit);
}

std::string make_continue(std::uint64_t revision, const std::string& last) {
    return to_hex(bytes_of(std::to_string(revision) + ":" + last));
}

Result<ContinuePoint> parse_continue(std::string_view token) {
    const Error wrong{Errc::invalid_input,
                      "continue: not a token of an earlier page; list from the start"};
    if (token.size() > 512) return wrong;
    const auto bytes = from_hex(token);
    if (!bytes) return wrong;
    const auto text = text_of(*bytes);
    const auto colon = text.find(':');
    ContinuePoint point;
    const auto* end = text.data() + std::min(colon, text.size());
    const auto number = std::from_chars(text.data(), end, point.revision);
    if (colon == std::string_view::npos || number.ec != std::errc{} || number.ptr != end)
        return wrong;
    point.last = text.substr(colon + 1);
    return point;
}

}  // namespace mw::registry
