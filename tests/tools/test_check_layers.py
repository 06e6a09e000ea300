"""tools/check_layers finds what it is for, and nothing in the repository as it stands."""

from support import ROOT, ToolTest


class CheckLayers(ToolTest):
    def check(self):
        return self.run_tool(ROOT / "tools/check_layers", "--root", self.folder)

    def test_allows_own_folder_lower_layers_and_own_libraries(self):
        self.write("lib/dlb/base/error.h", "#include <string>\n#include <nettle/sha2.h>\n")
        self.write("lib/dlb/config/read.cpp", '#include <yaml-cpp/yaml.h>\n#include "dlb/base/error.h"\n')
        self.write("lib/dlb/backend/cpu/conv.cpp", '#include "dlb/ops/conv.h"\n#include <dnnl.hpp>\n#include "dlb/backend/cpu/x.h"\n')
        self.write("apps/dlbench/main.cpp", '#include <CLI/CLI.hpp>\n#include "dlb/train/train.h"\n#include "print.h"\n')
        status, output = self.check()
        self.assertEqual((status, output), (0, "check_layers: 4 files, 0 offences\n"))

    def planted(self, name, text, *expected):
        self.write("lib/dlb/base/fine.h", "#include <vector>\n")
        self.write(name, text)
        status, output = self.check()
        self.assertEqual(status, 1, output)
        for line in expected:
            self.assertIn(line, output)
        self.assertIn(f"check_layers: 2 files, {len(expected)} offences", output)

    def test_higher_layer(self):
        self.planted("lib/dlb/ops/a.cpp", '\n#include "dlb/train/loop.h"\n', "lib/dlb/ops/a.cpp:2: includes dlb/train/loop.h: train is above ops")

    def test_same_layer(self):
        self.planted("lib/dlb/nn/a.h", '#include "dlb/optim/sgd.h"\n', "lib/dlb/nn/a.h:1: includes dlb/optim/sgd.h: optim is beside nn")

    def test_backends_do_not_see_each_other(self):
        self.planted(
            "lib/dlb/backend/cpu/a.h",
            '#include "dlb/backend/cuda/b.h"\n#include "dlb/backend/table.h"\n',
            "lib/dlb/backend/cpu/a.h:1: includes dlb/backend/cuda/b.h: backend/cpu and backend/cuda do not see each other",
        )

    def test_spaced_directive(self):
        self.planted("lib/dlb/base/a.h", '  #  include "dlb/tensor/shape.h"\n', "lib/dlb/base/a.h:1: includes dlb/tensor/shape.h")

    def test_libraries_outside_their_folders(self):
        for header, library in [
            ("yaml-cpp/yaml.h", "yaml-cpp"),
            ("CLI/CLI.hpp", "CLI11"),
            ("cuda_runtime.h", "CUDA"),
            ("google/protobuf/message.h", "protobuf"),
            ("dnnl.hpp", "oneDNN"),
            ("oneapi/dnnl/dnnl.hpp", "oneDNN"),
            ("cblas.h", "BLAS"),
            ("hwy/highway.h", "Highway"),
            ("catch2/catch.hpp", "Catch2"),
        ]:
            with self.subTest(header):
                self.planted("lib/dlb/data/a.cpp", f"#include <{header}>\n", f"lib/dlb/data/a.cpp:1: includes {header}: {library} is seen only in")

    def test_libraries_in_apps(self):
        self.planted("apps/dlbench/a.cpp", "#include <yaml-cpp/yaml.h>\n", "apps/dlbench/a.cpp:1: includes yaml-cpp/yaml.h: yaml-cpp is seen only in config")

    def test_json_in_a_header(self):
        self.planted("lib/dlb/io/a.h", "#include <nlohmann/json.hpp>\n", "lib/dlb/io/a.h:1: includes nlohmann/json.hpp: only .cpp files do")

    def test_relative_include(self):
        self.planted("lib/dlb/io/a.h", '#include "b.h"\n', 'lib/dlb/io/a.h:1: includes "b.h": a header of ours is included by its full path')

    def test_unknown_folder(self):
        self.planted("lib/dlb/misc/a.h", "#include <vector>\n", "lib/dlb/misc/a.h:1: folder 'misc' is in no layer")

    def test_length(self):
        self.planted("tests/base/long.cpp", "\n" * 801, "tests/base/long.cpp:801: 801 lines; at most 800")

    def test_length_at_the_limit(self):
        self.write("tests/base/long.cpp", "\n" * 800)
        self.assertEqual(self.check()[0], 0)

    def test_nothing_to_check_is_a_failure(self):
        self.assertEqual(self.check()[0], 1)
