#pragma once
// For tests: Sparkplug payloads from a line of text, as an edge node would encode them.
// An underscore in a name is a space.
// "seq=0 t=1000 bdSeq=3 | temp a=1 y=10 v=20.5 | - a=2 v=1 hist"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <string>

#include "base/bytes.h"

namespace mw::sparkplug {

class TestPayload {
 public:
    static Bytes from(const std::string& text) {
        TestPayload payload;
        std::istringstream parts(text);
        std::string part;
        for (bool head = true; std::getline(parts, part, '|'); head = false)
            head ? payload.add_head(part) : payload.add_metric(part);
        return payload.out_;
    }

 private:
    static void varint(Bytes& out, std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
        out.push_back(static_cast<std::uint8_t>(value));
    }
    static void number(Bytes& out, unsigned field, std::uint64_t value) {
        varint(out, field << 3);
        varint(out, value);
    }
    static void block(Bytes& out, unsigned field, ByteView bytes) {
        varint(out, (field << 3) | 2);
        varint(out, bytes.size());
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    static std::uint64_t whole(const std::string& text) {
        return text[0] == '-' ? static_cast<std::uint64_t>(std::atoll(text.c_str()))
                              : std::strtoull(text.c_str(), nullptr, 10);
    }
    static std::pair<std::string, std::string> key_and_value(const std::string& word) {
        const auto at = word.find('=');
        return {word.substr(0, at), at == std::string::npos ? "" : word.substr(at + 1)};
    }

    void add_head(const std::string& part) {
        std::istringstream words(part);
        for (std::string word; words >> word;) {
            const auto [key, value] = key_and_value(word);
            if (key == "t") number(out_, 1, whole(value));
            if (key == "seq") number(out_, 3, whole(value));
            if (key == "uuid") block(out_, 4, bytes_of(value));
            if (key == "bdSeq") add_metric("bdSeq y=8 v=" + value);
        }
    }
    void add_metric(const std::string& part) {
        Bytes metric;
        std::istringstream words(part);
        std::string name;
        words >> name;
        std::replace(name.begin(), name.end(), '_', ' ');
        if (name != "-") block(metric, 1, bytes_of(name));
        unsigned type = 10;
        Bytes properties;
        for (std::string word; words >> word;) {
            const auto [key, value] = key_and_value(word);
            if (key == "a") number(metric, 2, whole(value));
            if (key == "t") number(metric, 3, whole(value));
            if (key == "y") number(metric, 4, type = static_cast<unsigned>(whole(value)));
            if (key == "as") type = static_cast<unsigned>(whole(value));  // and not told
            if (key == "hist") number(metric, 5, 1);
            if (key == "trans") number(metric, 6, 1);
            if (key == "null") number(metric, 7, 1);
            if (key == "q") add_property(properties, "Quality", 3, value);
            if (key == "unit") add_property(properties, "engUnit", 12, value);
            if (key == "v") add_value(metric, type, value);
        }
        if (!properties.empty()) block(metric, 9, properties);
        block(out_, 2, metric);
    }
    static void add_property(Bytes& properties, std::string_view name, unsigned type,
                             const std::string& value) {
        block(properties, 1, bytes_of(name));
        Bytes inner;
        number(inner, 1, type);
        if (type == 12)
            block(inner, 8, bytes_of(value));
        else
            number(inner, 3, whole(value) & 0xFFFFFFFF);
        block(properties, 2, inner);
    }
    static void add_value(Bytes& metric, unsigned type, const std::string& value) {
        if (type == 9) {
            varint(metric, (12 << 3) | 5);
            const auto bits = std::bit_cast<std::uint32_t>(std::stof(value));
            metric.resize(metric.size() + 4);
            store_le(&metric[metric.size() - 4], bits);
        } else if (type == 10) {
            varint(metric, (13 << 3) | 1);
            metric.resize(metric.size() + 8);
            store_le(&metric[metric.size() - 8], std::stod(value));
        } else if (type == 11) {
            number(metric, 14, whole(value));
        } else if (type == 4 || type == 8 || type == 13) {
            number(metric, 11, whole(value));
        } else if (type < 8) {
            number(metric, 10, whole(value) & 0xFFFFFFFF);
        } else {
            block(metric, 15, bytes_of(value));
        }
    }

    Bytes out_;
};

}  // namespace mw::sparkplug
