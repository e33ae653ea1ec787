#include "data/products/changes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "data/products/terms.h"

namespace mw::products {
namespace {

const Json nothing = nullptr;

const Json& part_of(const Json& value, std::string_view key) {
    const Json* part = find(value, key);
    return part ? *part : nothing;
}

// A key that may hold dots.
const Json& member_of(const Json& object, std::string_view key) {
    const Json* part = object.is_object() ? object.get_object().if_contains(key) : nullptr;
    return part ? *part : nothing;
}

// The elements of a list of objects by the key that names them.
std::map<std::string, const Json*> by_name(const Json& list, std::string_view key) {
    std::map<std::string, const Json*> named;
    if (!list.is_array()) return named;
    for (const Json& element : list.get_array())
        if (const auto name = find_string(element, key)) named.emplace(*name, &element);
    return named;
}

std::set<std::string> names_in(const Json& list) {
    std::set<std::string> names;
    if (list.is_array())
        for (const Json& name : list.get_array())
            if (name.is_string()) names.emplace(name.get_string());
    return names;
}

// A signal without a classification has the product's. Where its own changes, that one counts; a
// change of the product's is told once, there.
Json with_level(Json signal, const Json& other, const Json& spec) {
    constexpr std::string_view key = "classification";
    const Json &own = part_of(signal, key), &product = part_of(spec, key);
    if (own.is_null() && !part_of(other, key).is_null() && !product.is_null())
        signal.get_object()[key] = product;
    return signal;
}

class Comparer {
 public:
    std::vector<Change> take() {
        std::ranges::stable_sort(changes_, {}, &Change::path);
        return std::move(changes_);
    }

    void terms(std::span<const Term> terms, const Json& before, const Json& after,
               const std::string& path, const std::string& signal = "") {
        for (const Term& term : terms) {
            const Json &from = part_of(before, term.key), &to = part_of(after, term.key);
            if (auto judged = judge(term, from, to))
                add(path + "." + std::string(term.key), from, to, judged->effect,
                    std::move(judged->why), signal);
        }
    }

    void signals(const Json& old_spec, const Json& new_spec) {
        const auto old_ones = by_name(part_of(old_spec, "signals"), "name");
        const auto new_ones = by_name(part_of(new_spec, "signals"), "name");
        for (const auto& [name, signal] : old_ones) {
            const auto path = "spec.signals." + name;
            const auto kept = new_ones.find(name);
            if (kept == new_ones.end())
                add(path, *signal, nothing, Effect::breaking, "the signal is gone", name);
            else
                terms(signal_terms(), with_level(*signal, *kept->second, old_spec),
                      with_level(*kept->second, *signal, new_spec), path, name);
        }
        for (const auto& [name, signal] : new_ones)
            if (!old_ones.contains(name))
                add("spec.signals." + name, nothing, *signal, Effect::compatible, "one more signal",
                    name);
    }

    void roles(const Json& before, const Json& after) {
        const auto old_ones = by_name(before, "role"), new_ones = by_name(after, "role");
        for (const auto& [name, role] : old_ones) {
            const auto path = "spec.roles." + name;
            const auto kept = new_ones.find(name);
            const Json& access = part_of(*role, "access");
            if (kept == new_ones.end()) {
                add(path, *role, nothing, Effect::breaking,
                    "who reads in this role can't any more");
            } else if (part_of(*kept->second, "access") != access) {
                add(path + ".access", access, part_of(*kept->second, "access"), Effect::breaking,
                    "who reads in this role may do something else now");
            } else if (*kept->second != *role) {
                add(path, *role, *kept->second, Effect::words, "for people");
            }
        }
        for (const auto& [name, role] : new_ones)
            if (!old_ones.contains(name))
                add("spec.roles." + name, nothing, *role, Effect::compatible, "one more role");
    }

    void select(const Json& before, const Json& after) {
        for (const char* key : {"devices", "signals"})
            choice(key, part_of(before, key), part_of(after, key));
        const Json &old_labels = part_of(before, "labels"), &new_labels = part_of(after, "labels");
        std::set<std::string> keys;
        for (const Json* labels : {&old_labels, &new_labels})
            if (labels->is_object())
                for (const auto& [key, value] : labels->get_object()) keys.emplace(key);
        for (const auto& key : keys) {
            const Json &from = member_of(old_labels, key), &to = member_of(new_labels, key);
            if (from == to) continue;
            add("spec.select.labels." + key, from, to,
                to.is_null() ? Effect::compatible : Effect::breaking,
                to.is_null() ? "more devices belong to it" : "devices without this label are gone");
        }
    }

    void status(const Json& from, const Json& to) {
        if (from == to) return;
        const auto rank = [](const Json& status) {
            if (status == Json("active")) return 2;
            if (status == Json("deprecated")) return 1;
            return 0;
        };
        const bool taken_back = rank(to) == 0 && rank(from) > 0;
        add("spec.status", from, to, taken_back ? Effect::breaking : Effect::compatible,
            taken_back ? "nobody may rely on it any more" : "nothing of the data changes");
    }

    void version(const Json& from, const Json& to) {
        if (from == to) return;
        if (to.is_null())
            add("spec.version", from, to, Effect::breaking, "the contract is withdrawn");
        else
            add("spec.version", from, to, Effect::words, "the number itself");
    }

    void domain(const std::string& from, const std::string& to) {
        if (from != to)
            add("domain", Json(from), Json(to), Effect::breaking,
                "rights are given by domain: who reads there may not read here");
    }

 private:
    // A list of names that narrows; absent is everything.
    void choice(const std::string& key, const Json& from, const Json& to) {
        const auto path = "spec.select." + key;
        if (from == to) return;
        if (to.is_null()) return add(path, from, to, Effect::compatible, "more belongs to it");
        if (from.is_null())
            return add(path, from, to, Effect::breaking, "what isn't listed is gone");
        const auto before = names_in(from), after = names_in(to);
        for (const auto& name : before)
            if (!after.contains(name))
                add(path + "." + name, Json(name), nothing, Effect::breaking, "its points are gone",
                    key == "signals" ? name : "");
        for (const auto& name : after)
            if (!before.contains(name))
                add(path + "." + name, nothing, Json(name), Effect::compatible,
                    "more belongs to it", key == "signals" ? name : "");
    }

    void add(std::string path, const Json& from, const Json& to, Effect effect, std::string why,
             std::string signal = "") {
        changes_.push_back(
            {std::move(path), from, to, effect, std::move(why), std::move(signal), {}});
    }

    std::vector<Change> changes_;
};

std::string short_text(const Json& value) {
    constexpr std::size_t shown = 60;
    std::string text = value.is_string() ? std::string(value.get_string()) : mw::to_json(value);
    if (text.size() > shown) text = text.substr(0, shown) + "...";
    return text;
}

std::string list_of_names(const std::vector<std::string>& names) {
    constexpr std::size_t shown = 20;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), shown); ++i)
        text += (i > 0 ? ", " : "") + names[i];
    if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
    return text;
}

std::string refusal_of(const Resource& before, const Comparison& c) {
    std::string text;
    std::size_t breaking = 0;
    for (const Change& change : c.changes) {
        if (change.effect != Effect::breaking) continue;
        ++breaking;
        text += "\n  " + sentence_of(change);
    }
    return "spec.version: " + std::to_string(breaking) +
           (breaking == 1 ? " change breaks" : " changes break") + " contract " + before.name +
           " " + to_text(*c.before) + "; they need version " + c.next_version +
           " or none of them:" + text;
}

}  // namespace

std::vector<Change> classify(const Resource& before, const Resource& after) {
    Comparer comparer;
    const Json &old_spec = before.spec, &new_spec = after.spec;
    comparer.domain(before.domain, after.domain);
    comparer.version(part_of(old_spec, "version"), part_of(new_spec, "version"));
    comparer.status(part_of(old_spec, "status"), part_of(new_spec, "status"));
    comparer.terms(product_terms(), old_spec, new_spec, "spec");
    comparer.select(part_of(old_spec, "select"), part_of(new_spec, "select"));
    comparer.terms(sla_terms(), part_of(old_spec, "sla"), part_of(new_spec, "sla"), "spec.sla");
    comparer.signals(old_spec, new_spec);
    comparer.roles(part_of(old_spec, "roles"), part_of(new_spec, "roles"));
    return comparer.take();
}

Json to_json(const Change& change) {
    JsonArray breaks;
    for (const auto& name : change.breaks) breaks.emplace_back(name);
    return JsonObject{{"path", change.path},
                      {"from", change.from},
                      {"to", change.to},
                      {"effect", change.effect == Effect::breaking ? "breaking" : "compatible"},
                      {"why", change.why},
                      {"breaks", std::move(breaks)}};
}

std::string sentence_of(const Change& change) {
    std::string text = change.path;
    if (change.to.is_null())
        text += " removed";
    else if (change.from.is_null())
        text += " added, " + short_text(change.to);
    else
        text += ": " + short_text(change.from) + " -> " + short_text(change.to);
    text += ": " + change.why;
    if (change.effect != Effect::breaking) return text;
    return text + (change.breaks.empty() ? "; breaks nobody that the hub knows of"
                                         : "; breaks " + list_of_names(change.breaks));
}

std::optional<Version> version_of(const Resource& product) {
    const auto text = find_string(product.spec, "version");
    if (!text) return std::nullopt;
    Version version;
    const char *at = text->data(), *end = text->data() + text->size();
    for (auto* number : {&version.major, &version.minor, &version.patch}) {
        const auto [next, failed] = std::from_chars(at, end, *number);
        if (failed != std::errc{}) return std::nullopt;
        at = next < end ? next + 1 : next;
    }
    return version;
}

std::string to_text(const Version& v) {
    return std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.patch);
}

bool is_promise(const Resource& product) {
    const auto status = find_string(product.spec, "status");
    return version_of(product) && (status == "active" || status == "deprecated");
}

Comparison compare(const Resource& before, const Resource& after, std::vector<Change> changes) {
    Comparison c{std::move(changes), version_of(before), version_of(after), "nothing", "", ""};
    Effect most = Effect::words;
    for (const Change& change : c.changes)
        if (change.path != "spec.version" || change.to.is_null())
            most = std::max(most, change.effect), c.needs = "patch";
    if (most == Effect::breaking) c.needs = "major";
    if (most == Effect::compatible) c.needs = "minor";
    if (!c.before) return c;
    Version next = *c.before;
    if (c.needs == "major") next = {next.major + 1, 0, 0};
    if (c.needs == "minor") next = {next.major, next.minor + 1, 0};
    if (c.needs == "patch") ++next.patch;
    c.next_version = to_text(next);
    if (!is_promise(before)) return c;
    if (c.after && *c.after < *c.before)
        c.refused = "spec.version: " + to_text(*c.after) + " is older than " + to_text(*c.before) +
                    ", which readers have; versions only grow";
    else if (most == Effect::breaking && (!c.after || c.after->major <= c.before->major))
        c.refused = refusal_of(before, c);
    return c;
}

Json to_json(const Comparison& c) {
    JsonArray changes;
    for (const Change& change : c.changes) changes.push_back(to_json(change));
    const auto text = [](const std::optional<Version>& v) {
        return v ? Json(to_text(*v)) : Json();
    };
    return JsonObject{
        {"from", text(c.before)},         {"to", text(c.after)},          {"needs", c.needs},
        {"next_version", c.next_version}, {"allowed", c.refused.empty()}, {"refused", c.refused},
        {"changes", std::move(changes)}};
}

}  // namespace mw::products
