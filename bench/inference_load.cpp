// Models of bench/inference.py: ONNX Runtime, the native engine with each instruction set, and what
// else there is, turn about in the same process. CPU time of one call, one row after another, and
// the median of their ratios. Prints one JSON object.
//
//   inference_load FOLDER [NAME...] [--quick]     FOLDER has NAME.onnx, and forest.so with
//   functions NAME
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <random>

#include "base/json.h"
#include "insight/native/native.h"
#ifdef MW_XNNPACK
#include <xnnpack.h>
#endif

namespace {

using namespace mw;
using Rows = std::vector<std::vector<float>>;
using Call = std::function<void(const float*, float*)>;

constexpr std::size_t rows_rotated = 2000;

struct Contender {
    std::string name;
    Call call;
};

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

Rows rows_of(std::size_t width) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    Rows rows(rows_rotated, std::vector<float>(width));
    for (auto& row : rows)
        for (float& number : row) number = normal(random);
    return rows;
}

Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

// Microseconds of a call: whole turns through the rows until there was enough of it.
double measure(const Contender& contender, const Rows& rows, double enough) {
    std::vector<float> out(4096);
    double spent = 0;
    std::size_t calls = 0;
    while (spent < enough) {
        const double began = cpu_seconds();
        for (const auto& row : rows) contender.call(row.data(), out.data());
        spent += cpu_seconds() - began;
        calls += rows.size();
    }
    return spent * 1e6 / double(calls);
}

double median(std::vector<double> list) {
    std::sort(list.begin(), list.end());
    return list[list.size() / 2];
}

Call call_of(const std::shared_ptr<inference::Model>& model) {
    return
        [model, in = model->input_size(), size = model->output_size()](const float* x, float* y) {
            ASSERT(model->run({x, in}, {y, size}).ok());
        };
}

// A speed of something that answers otherwise is no speed.
void check_answers(const Contender& one, const Contender& other, const Rows& rows,
                   std::size_t size) {
    std::vector<float> a(4096), b(4096);
    for (const auto& row : rows) {
        one.call(row.data(), a.data());
        other.call(row.data(), b.data());
        for (std::size_t i = 0; i < size; ++i)
            if (!(std::abs(a[i] - b[i]) <= 1e-5F + 1e-4F * std::abs(b[i]))) {
                std::cerr << one.name << " says " << a[i] << ", " << other.name << ' ' << b[i]
                          << '\n';
                std::exit(1);
            }
    }
}

#ifdef MW_XNNPACK
// The autoencoder 64-32-8-32-64 with the same sizes and XNNPACK's operators, made in advance.
Call xnnpack_autoencoder() {
    struct Net {
        xnn_operator_t op[4];
        std::vector<float> at[5];
    };
    static Net net;
    const std::size_t width[] = {64, 32, 8, 32, 64};
    if (xnn_initialize(nullptr) != xnn_status_success) return {};
    for (int i = 0; i < 5; ++i) net.at[i].assign(width[i] + 32, 0);
    for (int i = 0; i < 4; ++i) {
        const std::vector<float> weights(width[i] * width[i + 1], 0.1F), bias(width[i + 1], 0.1F);
        const float low = i < 3 ? 0 : -INFINITY;
        if (xnn_create_fully_connected_nc_f32(width[i], width[i + 1], width[i], width[i + 1],
                                              weights.data(), bias.data(), low, INFINITY, 0,
                                              &net.op[i]) != xnn_status_success ||
            xnn_setup_fully_connected_nc_f32(net.op[i], 1, net.at[i].data(), net.at[i + 1].data(),
                                             nullptr) != xnn_status_success)
            return {};
    }
    return [](const float* x, float* y) {
        std::copy_n(x, 64, net.at[0].data());
        for (auto& op : net.op) xnn_run_operator(op, nullptr);
        std::copy_n(net.at[4].data(), 64, y);
    };
}
#endif

class Bench {
 public:
    Bench(std::filesystem::path folder, bool quick)
        : folder_(std::move(folder)), rounds_(quick ? 1 : 5), enough_(quick ? 0.02 : 0.2) {
        forest_ = dlopen((folder_ / "forest.so").c_str(), RTLD_NOW);
        // With all that makes it quick: gateways run it without its arena.
        runtime_ =
            inference::open_onnx_runtime({.library = {}, .limits = {}, .arena = true}).value();
    }

    Json run(const std::string& name) {
        const Bytes onnx = read(folder_ / (name + ".onnx"));
        std::shared_ptr<inference::Model> reference = runtime_->load(onnx, {}).value();
        const std::size_t features = reference->input_size();
        const Rows rows = rows_of(features);
        std::vector<Contender> contenders{{"onnxruntime", call_of(reference)}};
        for (const native::Isa isa : native::usable_isas()) {
            auto engine = native::open_native({.isa = isa, .limits = {}}).value();
            std::shared_ptr<inference::Model> model =
                engine->load(onnx, {.features = features}).value();
            contenders.push_back({"native " + std::string(native::to_string(isa)), call_of(model)});
            check_answers(contenders.back(), contenders.front(), rows, model->output_size());
        }
        add_others(name, contenders);
        return figures(contenders, rows, onnx, features);
    }

 private:
    void add_others(const std::string& name, std::vector<Contender>& contenders) {
        using Function = float (*)(const float*);
        if (auto* found =
                forest_ ? reinterpret_cast<Function>(dlsym(forest_, name.c_str())) : nullptr)
            contenders.push_back(
                {"generated C", [found](const float* x, float* y) { *y = found(x); }});
#ifdef MW_XNNPACK
        if (name == "autoencoder")
            if (Call call = xnnpack_autoencoder()) contenders.push_back({"xnnpack", call});
#endif
    }

    Json figures(const std::vector<Contender>& contenders, const Rows& rows, const Bytes& onnx,
                 std::size_t features) {
        std::vector<std::vector<double>> spent(contenders.size());
        for (int round = 0; round < rounds_; ++round)
            for (std::size_t i = 0; i < contenders.size(); ++i)
                spent[i].push_back(measure(contenders[i], rows, enough_));
        JsonObject out;
        const auto ratios = [&](std::size_t base, std::size_t i) {
            std::vector<double> list;
            for (int round = 0; round < rounds_; ++round) {
                const auto r = static_cast<std::size_t>(round);
                list.push_back(spent[base][r] / spent[i][r]);
            }
            return std::round(median(list) * 100) / 100;
        };
        for (std::size_t i = 0; i < contenders.size(); ++i) {
            JsonObject one{{"cpu_us", std::round(median(spent[i]) * 1000) / 1000}};
            if (contenders[i].name.starts_with("native"))
                for (std::size_t base = 0; base < contenders.size(); ++base)
                    if (!contenders[base].name.starts_with("native"))
                        one["times as fast as " + contenders[base].name] = ratios(base, i);
            out[contenders[i].name] = std::move(one);
        }
        auto chosen = native::open_engine().value()->load(onnx, {.features = features}).value();
        out["open_engine takes"] =
            chosen->engine() + (chosen->remark().empty() ? "" : ", " + chosen->remark());
        return out;
    }

    std::filesystem::path folder_;
    int rounds_;
    double enough_;
    void* forest_ = nullptr;
    std::shared_ptr<inference::Engine> runtime_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::cerr << "inference_load: want a folder of models\n", 2;
    std::vector<std::string> names(argv + 2, argv + argc);
    const bool quick = std::erase(names, "--quick") > 0;
    if (names.empty())
        names = {"autoencoder", "classifier", "boosted", "isolation", "gru", "lstm", "cnn"};
    Bench bench(argv[1], quick);
    JsonObject figures;
    for (const std::string& name : names) figures[name] = bench.run(name);
    std::cout << to_json(Json(figures)) << '\n';
}
