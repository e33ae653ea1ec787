#include "data/query/conditions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace mw::query {
namespace {

std::vector<std::string> column_names(const Node& node) {
    std::vector<std::string> names;
    const Node* list = node.find("column_names");
    if (node.text_at("class") != "COLUMN_REF" || list == nullptr) return names;
    for (const Node& name : list->items) names.push_back(lower_case(name.text));
    return names;
}

// --- zones
// -----------------------------------------------------------------------------------------

bool has_zone(const Node& node);

bool call_has_zone(const Node& node) {
    const std::string name = lower_case(node.text_at("function_name"));
    const Node* arguments = node.find("children");
    if (name == "now" || name == "get_current_timestamp" || name == "transaction_timestamp" ||
        name == "to_timestamp" || name == "make_timestamptz") {
        return true;
    }
    if (arguments == nullptr) return false;
    const auto zoned = std::count_if(arguments->items.begin(), arguments->items.end(), has_zone);
    if (name == "timezone") return arguments->items.size() == 2 && zoned == 0;
    if (name == "-") return zoned == 1;  // two instants give an interval
    return zoned > 0 && (name == "+" || name == "date_trunc" || name == "datetrunc" ||
                         name == "time_bucket" || name == "greatest" || name == "least" ||
                         name == "max" || name == "min" || name == "date_add");
}

// True where the tree alone shows that the value is a TIMESTAMP WITH TIME ZONE.
bool has_zone(const Node& node) {
    const std::string_view kind = node.text_at("class");
    if (kind == "FUNCTION") return call_has_zone(node);
    if (kind == "CAST") {
        const Node* type = node.find("cast_type");
        return type != nullptr && type->text_at("id") == "TIMESTAMP WITH TIME ZONE";
    }
    const auto names = column_names(node);
    return names.size() == 1 && names[0] == "current_timestamp";
}

Node cast_to_timestamp(Node child) {
    Node unknown_place;
    unknown_place.kind = Node::Kind::number;
    unknown_place.text = "18446744073709551615";
    Node type;
    type.set("id", Node::of_text("TIMESTAMP"));
    type.set("type_info", Node{});
    Node cast;
    cast.set("class", Node::of_text("CAST"));
    cast.set("type", Node::of_text("OPERATOR_CAST"));
    cast.set("alias", Node::of_text(""));
    cast.set("query_location", std::move(unknown_place));
    cast.set("child", std::move(child));
    cast.set("cast_type", std::move(type));
    cast.set("try_cast", Node::of_boolean(false));
    return cast;
}

void drop_zone(Node* operand) {
    if (operand != nullptr && has_zone(*operand)) *operand = cast_to_timestamp(std::move(*operand));
}

bool has_column(const Node& node) {
    if (node.text_at("class") == "COLUMN_REF") return !has_zone(node);
    return std::any_of(node.items.begin(), node.items.end(), has_column);
}

// --- bounds
// ----------------------------------------------------------------------------------------

enum class Bound { device, signal, time };
struct Target {
    Conditions* conditions = nullptr;
    Bound bound = Bound::time;
};

class Binder {
 public:
    Binder(const std::vector<Bindable>& tables, bool unqualified, const QueryParameters& parameters)
        : tables_(tables), unqualified_(unqualified), parameters_(parameters) {}

    void conjunct(const Node& node) {
        const std::string_view kind = node.text_at("class");
        const std::string_view type = node.text_at("type");
        const Node* children = node.find("children");
        if (type == "CONJUNCTION_AND" && children != nullptr) {
            for (const Node& child : children->items) conjunct(child);
        } else if (kind == "COMPARISON") {
            comparison(node, type);
        } else if (kind == "BETWEEN") {
            between(node);
        } else if (type == "COMPARE_IN" && children != nullptr) {
            among(*children);
        }
    }

 private:
    std::optional<Target> target(const Node& node) const {
        const auto names = column_names(node);
        if (names.empty() || names.size() > 2 || (names.size() == 1 && !unqualified_)) return {};
        for (const Bindable& table : tables_) {
            if (names.size() == 2 && names[0] != table.alias) continue;
            if (names.back() == "device") return Target{table.conditions, Bound::device};
            if (names.back() == "signal") return Target{table.conditions, Bound::signal};
            if (names.back() == "time") return Target{table.conditions, Bound::time};
        }
        return {};
    }

    void comparison(const Node& node, std::string_view type) const {
        const Node* left = node.find("left");
        const Node* right = node.find("right");
        if (left == nullptr || right == nullptr) return;
        if (const auto found = target(*left)) {
            compare(*found, type, *right);
        } else if (const auto turned = target(*right)) {
            compare(*turned, mirrored(type), *left);
        }
    }

    static std::string_view mirrored(std::string_view type) {
        if (type == "COMPARE_GREATERTHAN") return "COMPARE_LESSTHAN";
        if (type == "COMPARE_LESSTHAN") return "COMPARE_GREATERTHAN";
        if (type == "COMPARE_GREATERTHANOREQUALTO") return "COMPARE_LESSTHANOREQUALTO";
        if (type == "COMPARE_LESSTHANOREQUALTO") return "COMPARE_GREATERTHANOREQUALTO";
        return type;
    }

    void compare(const Target& target, std::string_view type, const Node& value) const {
        const bool equal = type == "COMPARE_EQUAL";
        if (target.bound != Bound::time) {
            if (equal) restrict(target, {&value, 1});
            return;
        }
        if (!is_fixed(value)) return;
        if (equal || type.starts_with("COMPARE_GREATERTHAN")) {
            target.conditions->not_before.push_back(value);
        }
        if (equal || type.starts_with("COMPARE_LESSTHAN")) {
            target.conditions->not_after.push_back(value);
        }
    }

    void between(const Node& node) const {
        const Node* input = node.find("input");
        const Node* lower = node.find("lower");
        const Node* upper = node.find("upper");
        if (input == nullptr || lower == nullptr || upper == nullptr) return;
        const auto found = target(*input);
        if (!found) return;
        compare(*found, "COMPARE_GREATERTHANOREQUALTO", *lower);
        compare(*found, "COMPARE_LESSTHANOREQUALTO", *upper);
    }

    void among(const Node& children) const {
        if (children.items.size() < 2) return;
        const auto found = target(children.items[0]);
        if (!found || found->bound == Bound::time) return;
        restrict(*found, std::span(children.items).subspan(1));
    }

    // Only when every value is a text constant; two restrictions of one column intersect.
    void restrict(const Target& target, std::span<const Node> values) const {
        std::vector<std::string> texts;
        for (const Node& node : values) {
            auto text = text_of(node);
            if (!text) return;
            texts.push_back(std::move(*text));
        }
        auto& known =
            target.bound == Bound::device ? target.conditions->devices : target.conditions->signals;
        if (known) {
            std::erase_if(texts, [&](const std::string& text) {
                return std::find(known->begin(), known->end(), text) == known->end();
            });
        }
        known = std::move(texts);
    }

    std::optional<std::string> text_of(const Node& node) const {
        const std::string_view kind = node.text_at("class");
        if (kind == "PARAMETER") {
            const std::size_t number = parameter_number(node);
            if (number == 0 || number > parameters_.size()) return std::nullopt;
            const auto* text = std::get_if<std::string>(&parameters_[number - 1]);
            return text != nullptr ? std::optional(*text) : std::nullopt;
        }
        const Node* value = node.find("value");
        const Node* type = value != nullptr ? value->find("type") : nullptr;
        const Node* text = value != nullptr ? value->find("value") : nullptr;
        if (kind != "CONSTANT" || type == nullptr || type->text_at("id") != "VARCHAR" ||
            text == nullptr || text->kind != Node::Kind::text) {
            return std::nullopt;
        }
        return text->text;
    }

    // Without columns, subqueries or chance, so that evaluating it early gives the same value.
    static bool is_fixed(const Node& node) {
        static constexpr std::array<std::string_view, 7> fixed{
            "CONSTANT", "FUNCTION", "CAST", "CASE", "OPERATOR", "COMPARISON", "PARAMETER"};
        const std::string_view kind = node.text_at("class");
        const auto names = column_names(node);
        const bool current =
            names.size() == 1 && (names[0] == "current_timestamp" || names[0] == "current_date" ||
                                  names[0] == "localtimestamp");
        if (!kind.empty() && !current &&
            std::find(fixed.begin(), fixed.end(), kind) == fixed.end()) {
            return false;
        }
        if (kind == "FUNCTION" && lower_case(node.text_at("function_name")) == "random") {
            return false;
        }
        return std::all_of(node.items.begin(), node.items.end(), is_fixed);
    }

    const std::vector<Bindable>& tables_;
    bool unqualified_;
    const QueryParameters& parameters_;
};

}  // namespace

void add_conditions(const Node& where, const std::vector<Bindable>& tables, bool unqualified,
                    const QueryParameters& parameters) {
    Binder(tables, unqualified, parameters).conjunct(where);
}

std::size_t parameter_number(const Node& parameter) {
    const std::string_view name = parameter.text_at("identifier");
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool plain =
        !name.empty() && name[0] != '0' && error == std::errc() && end == name.data() + name.size();
    return plain ? number : 0;
}

void mend_zones(Node& expression) {
    const std::string_view kind = expression.text_at("class");
    const std::string_view type = expression.text_at("type");
    Node* children = expression.find("children");
    if (kind == "COMPARISON") {
        drop_zone(expression.find("left"));
        drop_zone(expression.find("right"));
    } else if (kind == "BETWEEN") {
        for (const char* operand : {"input", "lower", "upper"}) drop_zone(expression.find(operand));
    } else if ((type == "COMPARE_IN" || type == "COMPARE_NOT_IN") && children != nullptr) {
        for (Node& child : children->items) drop_zone(&child);
    } else if (kind == "FUNCTION" && expression.text_at("function_name") == "-" &&
               children != nullptr && children->items.size() == 2) {
        // now() - time: the age of a row.
        if (has_column(children->items[1])) drop_zone(&children->items[0]);
        if (has_column(children->items[0])) drop_zone(&children->items[1]);
    }
}

}  // namespace mw::query
