#include "apps/ctl/lineage_tree.h"

#include <algorithm>

namespace mw::ctl {
namespace {

constexpr std::size_t hash_shown = 12;

// What an edge says, shortly: "contract 1.2.0, dataset 0123456789ab, split train".
std::string edge_text(const Json& node) {
    const Json* edge = find(node, "edge");
    if (!edge || !edge->is_object()) return "";
    std::string text;
    for (const auto& [key, value] : edge->get_object()) {
        std::string name(key);
        if (key == "contract_generation") continue;  // the version says it for people
        std::string said = value.is_string() ? std::string(value.get_string()) : to_json(value);
        if (name.ends_with("_sha256")) {
            name.resize(name.size() - 7);
            said = said.substr(0, hash_shown);
        }
        text += (text.empty() ? "  " : ", ") + name + (said == "true" ? "" : " " + said);
    }
    return text;
}

std::string short_kind(const std::string& kind) {
    if (kind == "DataProduct") return "product";
    if (kind == "ModelVersion") return "version";
    std::string lower = kind;
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return lower;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// Cut to so many characters, the last of which then is "…".
std::string fitting(const std::string& line, std::size_t width) {
    const auto length = static_cast<std::size_t>(std::ranges::count_if(line, begins_character));
    if (width == 0 || length <= width) return line;
    std::string cut;
    std::size_t kept = 0;
    for (const char c : line) {
        if (begins_character(c) && kept++ + 1 == width) break;
        cut += c;
    }
    return cut + "…";
}

void add(std::string& out, const Json& node, const std::string& lead, const std::string& below,
         std::size_t width) {
    std::string line = lead + short_kind(find_string(node, "kind").value_or("?")) + "/" +
                       find_string(node, "name").value_or("?") + edge_text(node);
    if (find(node, "repeated")) line += "  (above)";
    out += fitting(line, width) + "\n";
    const Json* children = find(node, "children");
    const auto more = find_integer(node, "more").value_or(0);
    const auto hidden = find_integer(node, "hidden").value_or(0);
    const std::size_t count = children && children->is_array() ? children->get_array().size() : 0;
    for (std::size_t i = 0; i < count; ++i) {
        const bool last = i + 1 == count && more == 0 && hidden == 0;
        add(out, children->get_array()[i], below + (last ? "└─ " : "├─ "),
            below + (last ? "   " : "│  "), width);
    }
    if (more > 0)
        out +=
            fitting(below + (hidden > 0 ? "├─ " : "└─ ") + "... " + std::to_string(more) + " more",
                    width) +
            "\n";
    if (hidden > 0)
        out +=
            fitting(below + "└─ " + std::to_string(hidden) + " that you may not see", width) + "\n";
}

}  // namespace

std::string lineage_tree(const Json& root, std::size_t width) {
    std::string out;
    add(out, root, "", "", width);
    return out;
}

}  // namespace mw::ctl
