using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Training.Config.Verl;

namespace Tbrm.Training.Tests.Config;

public sealed class ShellScriptTests
{
    [TestCase("python3 -m verl.trainer.main_ppo a.b=1 c=2", "a.b=1|c=2")]
    [TestCase("python3 -m verl.trainer.main_ppo \\\n  a=1 \\\n  b=2 $@", "a=1|b=2")]
    [TestCase("LR=${LR:-1e-6}\npython3 -m verl.trainer.main_ppo lr=$LR", "lr=1e-6")]
    [TestCase("N=${N:-4}\npython3 -m verl.trainer.main_ppo n=$N", "n=9")] // the caller's environment has N=9
    [TestCase("a=2; b=$((a * (3 + 1) - 10 % 4))\npython3 -m verl.trainer.main_ppo b=${b}", "b=6")]
    [TestCase("A=(x=1 'y=2 3')\nA+=(z=4)\npython3 -m verl.trainer.main_ppo \"${A[@]}\" w=5", "x=1|y=2 3|z=4|w=5")]
    [TestCase("f=/d/t.parquet\npython3 -m verl.trainer.main_ppo files=\"['$f', \\\"u\\\"]\"",
        "files=['/d/t.parquet', \"u\"]")]
    [TestCase("x='a # b' # comment\npython3 -m verl.trainer.main_ppo x=\"$x\"", "x=a # b")]
    [TestCase("if [ \"$N\" = 9 ]; then x=1; else x=2; fi\npython3 -m verl.trainer.main_ppo x=$x", "x=1")]
    [TestCase(
        "if [ $N -gt 9 ] || [ -z \"$N\" ]; then x=1; elif [ -n \"$N\" ]; then x=2; fi\npython3 -m "
            + "verl.trainer.main_ppo x=$x", "x=2")]
    [TestCase("if [ a = a ] && ! [ b = c ]; then x=1; fi\npython3 -m verl.trainer.main_ppo x=$x", "x=1")]
    [TestCase("case \"$M\" in\n a|b) x=1 ;;\n *) x=2 ;;\nesac\npython3 -m verl.trainer.main_ppo x=$x", "x=2")]
    [TestCase(
        "D=$(python3 -c 'import torch_npu' 2>/dev/null && echo npu || echo gpu)\npython3 -m verl.trainer.main_ppo d=$D",
        "d=gpu")]
    [TestCase("M=Qwen/Qwen3-8B\npython3 -m verl.trainer.main_ppo m=${M##*/} l=${M,,}", "m=Qwen3-8B|l=qwen/qwen3-8b")]
    [TestCase(
        "cat <<EOF > f\npython3 -m verl.trainer.main_ppo no=1\nEOF\npython3 -m verl.trainer.main_ppo yes=1 2>&1 | tee "
            + "log", "yes=1")]
    [TestCase("L=(uv run python3)\n\"${L[@]}\" -m verl.trainer.main_ppo a=1", "a=1")]
    [TestCase("export V=1 W\nV=2 python3 -m verl.trainer.main_ppo v=$V", "v=2")]
    public void The_launch_is_read_without_running_the_script(string script, string expected)
    {
        ShellLaunch launch = Read(script);
        Assert.That(string.Join('|', launch.Arguments.Select(a => a.Text)), Is.EqualTo(expected));
        Assert.That(launch.Arguments.All(a => a.IsKnown));
    }

    [TestCase("A=1 B=2\nif (( A + B != 3 || A > B )); then exit 1; fi\npython3 -m verl.trainer.main_ppo a=$A", "a=1")]
    [TestCase("if ((N == 9 && !(N < 3))); then x=1; fi\npython3 -m verl.trainer.main_ppo x=$x", "x=1")]
    [TestCase("if (( N >= 10 || Q <= 1 )); then x=1; fi\npython3 -m verl.trainer.main_ppo x=2", "x=2")]
    [TestCase("if [ $# -gt 0 ]; then x=1; else x=0; fi\npython3 -m verl.trainer.main_ppo x=$x \"${@:1}\"", "x=0")]
    [TestCase(
        "M=/a/Qwen3-8B\npython3 -m verl.trainer.main_ppo_sync n=$(basename \"$M\") d=$(dirname $M) b=\"$(basename "
            + "\"${M,,}\")\"", "n=Qwen3-8B|d=/a|b=qwen3-8b")]
    [TestCase(
        "F=/d/train.parquet\npython3 -m verl.trainer.main_ppo a=${F%.parquet} b=${F%%/*} c=${F#*/} d=${F/train/test} "
            + "e=${F//t/T}", "a=/d/train|b=|c=d/train.parquet|d=/d/test.parquet|e=/d/Train.parqueT")]
    [TestCase("E=(--extra vllm)\nR=(py=\"uv run ${E[*]}\" q=${E[1]})\npython3 -m verl.trainer.main_ppo \"${R[@]}\"",
        "py=uv run --extra vllm|q=vllm")]
    [TestCase(
        "d=$(nvidia-smi)\nif [ \"$d\" = cuda ]; then\n python3 -m verl.trainer.main_ppo a=1\nelif [ \"$d\" = npu ]; "
            + "then\n python3 -m verl.trainer.main_ppo a=2\nfi", "a=1")]
    [TestCase("python3 recipe/dapo/main_dapo.py a=1", "a=1")]
    public void Further_ways_of_scripts_are_read(string script, string expected) =>
        Assert.That(string.Join('|', Read(script).Arguments.Select(a => a.Text)), Is.EqualTo(expected));

    [Test]
    public void What_only_a_run_would_tell_is_unknown_and_stays_within_its_argument()
    {
        ShellLaunch launch = Read("E=run_$(date +%Y)\npython3 -m verl.trainer.main_ppo name=$E lr=1");
        Assert.That(launch.Arguments.Select(a => a.IsKnown), Is.EqualTo(new[] { false, true }));
        Assert.That(launch.Arguments[0].Text, Does.StartWith("name=run_"));
    }

    [Test]
    public void A_branch_that_cannot_be_decided_is_left_out_and_noted_with_its_line()
    {
        ShellLaunch launch =
            Read(
            "x=1\nif [ -f data.txt ]; then x=2; fi\nfor i in 1 2; do x=3; done\npython3 -m verl.trainer.main_ppo x=$x");
        Assert.That(launch.Arguments.Single().Text, Is.EqualTo("x=1"));
        Assert.That(launch.Notes, Has.Count.EqualTo(2));
        Assert.That(launch.Notes[0], Does.StartWith("s.sh:2: "));
        Assert.That(launch.Notes[1], Does.StartWith("s.sh:3: "));
    }

    [TestCase("echo \"open", "s.sh:1: a double quote is not closed")]
    [TestCase("if [ a = a ]\nx=1", "expected 'then'")]
    [TestCase("python3 train.py a=1", "launches verl.trainer.main_ppo")]
    public void What_is_no_run_script_is_a_sentence(string script, string message)
    {
        Assert.That(() => Read(script), Throws.TypeOf<ConfigException>().With.Message.Contains(message));
    }

    [Test]
    public void Nested_beyond_measure_it_is_refused_and_does_not_end_the_process()
    {
        string deep = string.Concat(Enumerable.Repeat("if [ a = a ]; then ", 5000));
        Assert.That(() => Read(deep), Throws.TypeOf<ConfigException>());
        string sum = "x=$((" + new string('(', 100_000) + "1" + new string(')', 100_000)
            + "))\npython3 -m verl.trainer.main_ppo x=$x";
        Assert.That(Read(sum).Arguments.Single().IsKnown, Is.False);
        string defaults = string.Concat(Enumerable.Repeat("${A:-", 3000)) + new string('}', 3000);
        Assert.That(Read($"x={defaults}\npython3 -m verl.trainer.main_ppo x=$x").Arguments.Single().IsKnown, Is.False);
    }

    private static ShellLaunch Read(string script)
    {
        Dictionary<string, string> environment = new() { ["N"] = "9" };
        return ShellScript.Read(script, "s.sh", name => environment.GetValueOrDefault(name));
    }
}
