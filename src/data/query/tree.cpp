#include "data/query/tree.h"

#include <cctype>

#include "data/query/result_text.h"

namespace mw::query {
namespace {

constexpr int depth_max = 1000;
constexpr std::size_t nodes_max = 200'000;

class Reader {
 public:
    explicit Reader(std::string_view json) : at_(json.data()), end_(at_ + json.size()) {}

    Result<Node> document() {
        Node node;
        TRY_VOID(value(node, 0));
        skip_space();
        if (at_ != end_) return malformed("text behind the end");
        return node;
    }

 private:
    Result<> value(Node& node, int depth) {
        if (depth > depth_max) return Error{Errc::invalid_input, "the statement nests too deeply"};
        if (++nodes_ > nodes_max) return Error{Errc::invalid_input, "the statement is too large"};
        skip_space();
        if (at_ == end_) return malformed("an early end");
        switch (*at_) {
            case '{':
                return object(node, depth);
            case '[':
                return list(node, depth);
            case '"':
                node.kind = Node::Kind::text;
                return text(node.text);
            default:
                return word(node);
        }
    }

    Result<> object(Node& node, int depth) {
        node.kind = Node::Kind::object;
        ++at_;
        if (taken('}')) return {};
        do {
            skip_space();
            if (at_ == end_ || *at_ != '"') return malformed("a key that is no text");
            TRY_VOID(text(node.keys.emplace_back()));
            if (!taken(':')) return malformed("a key without a value");
            TRY_VOID(value(node.items.emplace_back(), depth + 1));
        } while (taken(','));
        return taken('}') ? Result<>{} : malformed("an object without its end");
    }

    Result<> list(Node& node, int depth) {
        node.kind = Node::Kind::list;
        ++at_;
        if (taken(']')) return {};
        do {
            TRY_VOID(value(node.items.emplace_back(), depth + 1));
        } while (taken(','));
        return taken(']') ? Result<>{} : malformed("a list without its end");
    }

    // Numbers and the three words; also NaN and Infinity, which yyjson can write.
    Result<> word(Node& node) {
        const char* begin = at_;
        while (at_ != end_ && (std::isalnum(static_cast<unsigned char>(*at_)) != 0 || *at_ == '-' ||
                               *at_ == '+' || *at_ == '.')) {
            ++at_;
        }
        node.text.assign(begin, at_);
        if (node.text.empty()) return malformed("an unknown sign");
        node.kind = node.text == "null"                           ? Node::Kind::null
                    : node.text == "true" || node.text == "false" ? Node::Kind::boolean
                                                                  : Node::Kind::number;
        return {};
    }

    Result<> text(std::string& out) {
        for (++at_; at_ != end_; ++at_) {
            if (*at_ == '"') return ++at_, Result<>{};
            if (*at_ != '\\') {
                out += *at_;
                continue;
            }
            if (++at_ == end_) break;
            TRY_VOID(escape(out));
        }
        return malformed("a text without its end");
    }

    Result<> escape(std::string& out) {
        switch (*at_) {
            case 'b':
                out += '\b';
                return {};
            case 'f':
                out += '\f';
                return {};
            case 'n':
                out += '\n';
                return {};
            case 'r':
                out += '\r';
                return {};
            case 't':
                out += '\t';
                return {};
            case 'u':
                return unicode(out);
            case '"':
            case '\\':
            case '/':
                out += *at_;
                return {};
            default:
                return malformed("an unknown escape");
        }
    }

    Result<> unicode(std::string& out) {
        TRY(std::uint32_t code, hex4());
        if (code >= 0xd800 && code < 0xdc00 && end_ - at_ > 6 && at_[1] == '\\' && at_[2] == 'u') {
            at_ += 2;
            TRY(const std::uint32_t low, hex4());
            if (low < 0xdc00 || low > 0xdfff) return malformed("half a surrogate pair");
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        if (code >= 0xd800 && code < 0xe000) return malformed("half a surrogate pair");
        if (code < 0x80) {
            out += static_cast<char>(code);
        } else if (code < 0x800) {
            out += static_cast<char>(0xc0 | code >> 6);
            out += static_cast<char>(0x80 | (code & 0x3f));
        } else if (code < 0x10000) {
            out += static_cast<char>(0xe0 | code >> 12);
            out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
            out += static_cast<char>(0x80 | (code & 0x3f));
        } else {
            out += static_cast<char>(0xf0 | code >> 18);
            out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
            out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
            out += static_cast<char>(0x80 | (code & 0x3f));
        }
        return {};
    }

    // At 'u'; ends at the last digit.
    Result<std::uint32_t> hex4() {
        if (end_ - at_ < 5) return malformed("an early end");
        std::uint32_t code = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = *++at_;
            if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return malformed("a bad escape");
            code =
                code * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        return code;
    }

    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }
    bool taken(char c) {
        skip_space();
        return at_ != end_ && *at_ == c && (++at_, true);
    }
    static Error malformed(std::string_view what) {
        return Error{Errc::invalid_input, "the parser's tree has " + std::string(what)};
    }

    const char* at_;
    const char* end_;
    std::size_t nodes_ = 0;
};

void write(const Node& node, std::string& out) {
    switch (node.kind) {
        case Node::Kind::null:
            out += "null";
            return;
        case Node::Kind::boolean:
        case Node::Kind::number:
            out += node.text;
            return;
        case Node::Kind::text:
            append_json_text(out, node.text);
            return;
        case Node::Kind::list:
        case Node::Kind::object:
            break;
    }
    const bool object = node.kind == Node::Kind::object;
    out += object ? '{' : '[';
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        if (i > 0) out += ',';
        if (object) {
            append_json_text(out, node.keys[i]);
            out += ':';
        }
        write(node.items[i], out);
    }
    out += object ? '}' : ']';
}

}  // namespace

Node Node::of_text(std::string text) {
    Node node;
    node.kind = Kind::text;
    node.text = std::move(text);
    return node;
}

Node Node::of_boolean(bool value) {
    Node node;
    node.kind = Kind::boolean;
    node.text = value ? "true" : "false";
    return node;
}

Node* Node::find(std::string_view key) {
    if (kind != Kind::object) return nullptr;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i] == key) return &items[i];
    }
    return nullptr;
}

const Node* Node::find(std::string_view key) const { return const_cast<Node*>(this)->find(key); }

std::string_view Node::text_at(std::string_view key) const {
    const Node* found = find(key);
    return found != nullptr && found->kind == Kind::text ? std::string_view(found->text)
                                                         : std::string_view();
}

void Node::set(std::string_view key, Node value) {
    kind = Kind::object;
    if (Node* found = find(key)) {
        *found = std::move(value);
        return;
    }
    keys.emplace_back(key);
    items.push_back(std::move(value));
}

Result<Node> parse_tree(std::string_view json) { return Reader(json).document(); }

std::string to_json(const Node& node) {
    std::string out;
    write(node, out);
    return out;
}

}  // namespace mw::query
