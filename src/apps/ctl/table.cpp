#include "apps/ctl/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace mw::ctl {
namespace {

// Characters as a terminal counts them: UTF-8 continuation bytes have no width.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string fit(std::string_view text, std::size_t width) {
    if (width_of(text) <= width) return std::string(text);
    std::string out;
    std::size_t used = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((text[i] & 0xc0) != 0x80 && ++used >= width) break;
        out += text[i];
    }
    return out + "…";
}

std::vector<std::size_t> column_widths(const Table& table, std::size_t limit) {
    std::vector<std::size_t> widths(table.header.size());
    const auto widen = [&](const std::vector<std::string>& row) {
        for (std::size_t i = 0; i < widths.size() && i < row.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    };
    widen(table.header);
    for (const auto& row : table.rows) widen(row);
    const auto total = [&] {
        std::size_t sum = 0;
        for (auto w : widths) sum += w + 2;
        return sum;
    };
    while (limit > 0 && !widths.empty() && total() > limit + 2) {
        auto widest = std::max_element(widths.begin(), widths.end());
        if (*widest <= 8) break;
        --*widest;
    }
    return widths;
}

void append_row(std::string& out, const std::vector<std::string>& row,
                const std::vector<std::size_t>& widths) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string text = fit(i < row.size() ? row[i] : "", widths[i]);
        line += text;
        line.append(widths[i] - std::min(widths[i], width_of(text)) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line += '\n';
}

std::string short_number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

// Dots of a chart: 2 columns and 4 rows to a character.
class Canvas {
 public:
    Canvas(std::size_t width, std::size_t height) : width_(width), cells_(width * height, 0) {}
    void dot(std::size_t x, std::size_t y) {
        static constexpr unsigned char bits[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
        cells_[y / 4 * width_ + x / 2] |= bits[y % 4][x % 2];
    }
    std::string row(std::size_t y) const {
        std::string line;
        for (std::size_t x = 0; x < width_; ++x) {
            const unsigned code = 0x2800u + cells_[y * width_ + x];
            line += static_cast<char>(0xe0 | code >> 12);
            line += static_cast<char>(0x80 | (code >> 6 & 63));
            line += static_cast<char>(0x80 | (code & 63));
        }
        return line;
    }

 private:
    std::size_t width_;
    std::vector<unsigned char> cells_;
};

void draw(Canvas& canvas, std::span<const double> values, std::size_t columns, std::size_t rows,
          double low, double high) {
    std::ptrdiff_t last = -1;
    for (std::size_t x = 0; x < columns; ++x) {
        const double value = values[x * values.size() / columns];
        if (!std::isfinite(value)) {
            last = -1;
            continue;
        }
        const double share = high > low ? (value - low) / (high - low) : .5;
        const auto y =
            static_cast<std::ptrdiff_t>(std::lround((1 - share) * static_cast<double>(rows - 1)));
        const std::ptrdiff_t from = last < 0 ? y : std::min(last, y), to = std::max(last, y);
        for (std::ptrdiff_t at = from; at <= std::max(to, y); ++at)
            canvas.dot(x, static_cast<std::size_t>(at));
        last = y;
    }
}

}  // namespace

std::string render(const Table& table, std::size_t width) {
    const auto widths = column_widths(table, width);
    std::string out;
    append_row(out, table.header, widths);
    for (const auto& row : table.rows) append_row(out, row, widths);
    return out;
}

std::size_t terminal_width() {
    if (!isatty(STDOUT_FILENO)) return 0;
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 100;
}

std::string chart(std::span<const double> values, std::size_t width, std::size_t height,
                  std::span<const double> marks) {
    if (values.empty() || width < 20 || height < 1) return "(nothing to draw)\n";
    double low = INFINITY, high = -INFINITY;
    for (double v : values)
        if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
    if (low > high) return "(no finite value to draw)\n";
    const std::string top = short_number(high), bottom = short_number(low);
    const std::size_t margin = std::max(top.size(), bottom.size()) + 1;
    const std::size_t inner = width - margin - 1;
    Canvas canvas(inner, height);
    draw(canvas, values, inner * 2, height * 4, low, high);
    std::string out;
    for (std::size_t y = 0; y < height; ++y) {
        const std::string label = y == 0 ? top : y + 1 == height ? bottom : "";
        out.append(margin - label.size() - 1, ' ');
        out += label + " │" + canvas.row(y) + '\n';
    }
    if (!marks.empty()) {
        std::vector<bool> marked(inner, false);
        for (double mark : marks)
            marked[std::min(inner - 1, static_cast<std::size_t>(std::max(0.0, mark) *
                                                                static_cast<double>(inner)))] =
                true;
        out.append(margin + 1, ' ');
        for (bool mark : marked) out += mark ? "▲" : " ";
        out += '\n';
    }
    return out;
}

std::string cell(const Json* value) {
    if (!value || value->is_null()) return "-";
    if (value->is_string()) {
        const auto& text = value->get_string();
        return text.empty() ? "-" : std::string(text);
    }
    if (value->is_bool()) return value->get_bool() ? "yes" : "no";
    if (value->is_double()) return short_number(value->get_double());
    return to_json(*value);
}

std::string cell(const Json& value, std::string_view path) { return cell(find(value, path)); }

}  // namespace mw::ctl
