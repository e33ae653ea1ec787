#include "apps/ctl/outside_trainer.h"

#include <gtest/gtest.h>

#include "data/datasets/datasets.h"
#include "platform/files/files.h"

namespace mw::ctl {
namespace {

OutsideRows outside_rows() {
    datasets::Content content;
    content.signals = {"flow"};
    detectors::Recording recording{{"flow"}, {{1}, {2}}, {31, 32}, {}, {0, 0}};
    recording.quality.assign(2, Quality::good());
    content.devices.push_back({"gw-1", recording, {0, 0}});
    return {datasets::write_dataset(content).value(), "dataset d (sha256 0)",
            "recording,time,label,flow_mean\n0,1,,0.5\n", "{}\n"};
}

Result<OutsideWork> ran(OutsideTrainer trainer) {
    return run_outside(trainer, outside_rows(), "version: 1\n");
}

TEST(OutsideTrainer, finds_the_rows_and_its_model_is_taken) {
    OutsideTrainer trainer;
    trainer.command =
        "head -c4 dataset.parquet; echo; cat features.csv; test -s dataset.csv -a -s card.json; "
        "echo threshold >> pipeline.yaml; echo fitted; printf onnx > model.onnx";
    trainer.version_command = "echo boost 1.7; echo more";
    const auto work = ran(trainer);
    ASSERT_TRUE(work.ok()) << work.error().message;
    EXPECT_EQ(text_of(work->onnx), "onnx");
    EXPECT_EQ(work->pipeline, "version: 1\nthreshold\n");
    EXPECT_EQ(work->version, "boost 1.7");
    EXPECT_EQ(work->last_line, "fitted");
    const std::string card = outside_card(trainer, outside_rows(), *work, 1);
    for (const char* part : {"- its version: boost 1.7\n", "- data: dataset d (sha256 0)\n",
                             "- its last word: fitted\n", "## Limits\n", "echo fitted"})
        EXPECT_NE(card.find(part), std::string::npos) << card;
}

TEST(OutsideTrainer, what_goes_wrong_is_told) {
    const auto folder = files::TemporaryDirectory::make().value();
    const struct {
        OutsideTrainer trainer;
        const char* why;
        Errc code;
    } rows[] = {
        {{"echo no rows here; exit 3", "", "", ""},
         "the command ended with code 3: no rows here",
         Errc::invalid_input},
        {{"true", "", "", ""}, "left no model.onnx", Errc::invalid_input},
        {{"sleep 600", "", "", "", "20ms"}, "it took longer than 20ms", Errc::timed_out},
        {{"true", "exit 4", "", ""}, "--version-command ended with code 4", Errc::invalid_input},
        {{"true", "", "", "", "soon"}, "--limit", Errc::invalid_input},
        {{"ulimit -d; exit 1", "", "", folder.path(), "1h", 64},
         "ended with code 1: 65536",
         Errc::invalid_input},
    };
    for (const auto& row : rows) {
        const auto work = ran(row.trainer);
        ASSERT_FALSE(work.ok()) << row.why;
        EXPECT_NE(work.error().message.find(row.why), std::string::npos) << work.error().message;
        EXPECT_EQ(work.error().code, row.code) << row.why;
    }
    // The folder that was named stays, with what was said.
    EXPECT_EQ(*read_file(folder.path() + "/trainer.log"), "65536\n");
}

}  // namespace
}  // namespace mw::ctl
