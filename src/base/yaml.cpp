// YAML in and out for base/json.h: the only file that sees yaml-cpp, whose exceptions end here.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <map>
#include <regex>
#include <sstream>
#include <vector>

#include "base/json.h"

namespace mw {
namespace {

constexpr std::size_t depth_max = 64;
constexpr std::size_t values_max = 2'000'000;

bool is_number_text(std::string_view text) {
    if (text.empty()) return false;
    if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
    return !text.empty() && ((text[0] >= '0' && text[0] <= '9') || text[0] == '.');
}

Json plain_scalar(const std::string& text) {
    if (text == "null" || text == "~" || text.empty()) return nullptr;
    if (text == "true" || text == "True") return true;
    if (text == "false" || text == "False") return false;
    if (!is_number_text(text)) return Json(text);
    const char* first = text.data() + (text[0] == '+');
    const char* last = text.data() + text.size();
    std::int64_t integer = 0;
    if (auto [end, e] = std::from_chars(first, last, integer); e == std::errc{} && end == last)
        return integer;
    double number = 0;
    if (auto [end, e] = std::from_chars(first, last, number); e == std::errc{} && end == last)
        return number;
    return Json(text);
}

// Builds Json from the parser's events. Limits what a hostile text can ask for: depth, and the
// number of values after aliases are written out. Refusals are thrown: the parser has no other way.
class JsonBuilder final : public YAML::EventHandler {
 public:
    JsonArray documents;

    void OnDocumentStart(const YAML::Mark& mark) override {
        // yaml-cpp 0.7 yields empty documents for ever at a stray ',' or ']'.
        if (mark.pos == document_at_) refuse(mark, "something that starts no value");
        document_at_ = mark.pos;
    }
    void OnDocumentEnd() override { anchors_.clear(); }
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        place(mark, nullptr, anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) refuse(mark, "an alias inside its own anchor");
        count(mark, found->second.values);
        place(mark, found->second.value, YAML::NullAnchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        if (wants_key()) return set_key(mark, text);
        const bool quoted = tag == "!" || tag == "!!str" || tag == "tag:yaml.org,2002:str";
        place(mark, quoted ? Json(text) : plain_scalar(text), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, JsonArray{}, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, JsonObject{}, anchor);
    }
    void OnMapEnd() override { close(); }

 private:
    struct Level {
        Json value;
        YAML::anchor_t anchor = YAML::NullAnchor;
        YAML::Mark mark;
        std::size_t values_before = 0;
        std::string key = {};
        bool has_key = false;
    };
    struct Anchored {
        Json value;
        std::size_t values = 0;
    };

    [[noreturn]] static void refuse(const YAML::Mark& mark, const std::string& why) {
        throw YAML::ParserException(mark, why);
    }
    void count(const YAML::Mark& mark, std::size_t values) {
        values_ += values;
        if (values_ > values_max)
            refuse(mark, "more than " + std::to_string(values_max) + " values");
    }
    bool wants_key() const {
        return !levels_.empty() && levels_.back().value.is_object() && !levels_.back().has_key;
    }
    void set_key(const YAML::Mark& mark, const std::string& key) {
        if (levels_.back().value.get_object().contains(key))
            refuse(mark, "key '" + key.substr(0, 64) + "' stands twice, second");
        levels_.back().key = key;
        levels_.back().has_key = true;
    }
    void open(const YAML::Mark& mark, Json empty, YAML::anchor_t anchor) {
        if (wants_key()) refuse(mark, "a key must be a text");
        if (levels_.size() == depth_max) refuse(mark, "nested deeper than 64 levels");
        levels_.push_back({std::move(empty), anchor, mark, values_});
    }
    void close() {
        Level level = std::move(levels_.back());
        levels_.pop_back();
        place(level.mark, std::move(level.value), level.anchor, values_ - level.values_before);
    }
    void place(const YAML::Mark& mark, Json value, YAML::anchor_t anchor, std::size_t inside = 0) {
        if (wants_key()) {
            if (!value.is_null()) refuse(mark, "a key must be a text");
            return set_key(mark, "");
        }
        count(mark, 1);
        if (anchor != YAML::NullAnchor) anchors_[anchor] = {value, inside + 1};
        if (levels_.empty()) {
            if (!value.is_null()) documents.push_back(std::move(value));
        } else if (auto* array = levels_.back().value.if_array()) {
            array->push_back(std::move(value));
        } else {
            levels_.back().value.get_object().emplace(levels_.back().key, std::move(value));
            levels_.back().has_key = false;
        }
    }

    std::vector<Level> levels_;
    std::map<YAML::anchor_t, Anchored> anchors_;
    std::size_t values_ = 0;
    int document_at_ = -1;
};

// Whether a reader of YAML 1.1, which most are, takes a plain text for a boolean, a number, a time
// or a date.
bool is_ambiguous(const std::string& text) {
    static const std::regex other(
        "[yYnN]|[yY]es|YES|[nN]o|NO|TRUE|FALSE|[oO]n|ON|[oO]ff|OFF|Null|NULL|=|<<|"
        "[-+]?[0-9][0-9_]*(\\.[0-9_]*)?([eE][-+]?[0-9]+)?|[-+]?0[xob][0-9a-fA-F_]+|"
        "[-+]?\\.[0-9_]+([eE][-+]?[0-9]+)?|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)|"
        "[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\\.[0-9_]*)?|"
        "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?");
    return text.size() < 64 && std::regex_match(text, other);
}

// With a dot before the exponent, without which YAML 1.1 reads a text.
std::string number_text(const Json& value) {
    auto text = to_json(value);
    const auto exponent = text.find('e');
    if (value.is_double() && exponent != text.npos && text.find('.') == text.npos)
        text.insert(exponent, ".0");
    return text;
}

void emit(YAML::Emitter& out, const Json& value) {
    if (const auto* object = value.if_object()) {
        out << (object->empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
        for (const auto& [key, part] : *object) {
            out << YAML::Key << std::string(key) << YAML::Value;
            emit(out, part);
        }
        out << YAML::EndMap;
    } else if (const auto* array = value.if_array()) {
        out << (array->empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
        for (const auto& part : *array) emit(out, part);
        out << YAML::EndSeq;
    } else if (const auto* text = value.if_string()) {
        const std::string plain(*text);
        if (!plain_scalar(plain).is_string() || is_ambiguous(plain))
            out << YAML::DoubleQuoted << plain;  // would come back as a number or a boolean
        else
            out << plain;
    } else if (value.is_null()) {
        out << YAML::Null;
    } else {
        out << number_text(value);
    }
}

}  // namespace

Result<JsonArray> parse_yaml(std::string_view text) {
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        JsonBuilder builder;
        while (parser.HandleNextDocument(builder)) {
        }
        return std::move(builder.documents);
    } catch (const YAML::Exception& e) {
        return Error{Errc::invalid_input, "YAML: " + e.msg + " at line " +
                                              std::to_string(e.mark.line + 1) + ", column " +
                                              std::to_string(e.mark.column + 1)};
    }
}

std::string to_yaml(const Json& value) {
    YAML::Emitter out;
    emit(out, value);
    return std::string(out.c_str()) + "\n";
}

}  // namespace mw
