using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Documented commands behind <c>torchrun</c>, <c>srun</c> and <c>mpirun</c>: a stand-in for each reads its
/// options and starts the processes here with the variables that the real one sets.</summary>
public sealed class LauncherTests : FolderTests
{
    /// <summary>Options that take a value, of those that the launchers have.</summary>
    private static readonly Dictionary<string, string[]> s_options = new()
    {
        ["torchrun"] = ["--nnodes", "--nproc_per_node", "--nproc-per-node", "--rdzv_endpoint", "--rdzv-endpoint",
            "--rdzv_backend", "--rdzv_id", "--node_rank", "--master_addr", "--master_port"],
        ["srun"] = ["--nodes", "-N", "--ntasks", "-n", "--ntasks-per-node", "--cpus-per-task", "--gpus-per-node",
            "--nodelist", "--partition"],
        ["mpirun"] = ["-n", "-np", "--host", "--hostfile", "--map-by", "--bind-to", "-x"],
    };

    private static readonly string[] s_flags = ["--no-python", "--no_python", "--standalone"];

    private static IEnumerable<TestCaseData> Lines => ShellLine.All.Where(l => s_options.ContainsKey(l.Command[0]))
        .DistinctBy(l => l.Text).Select(l => new TestCaseData([l]).SetArgDisplayNames(l.ToString()));

    [Test]
    public void Each_launcher_is_documented() =>
        Assert.That(ShellLine.All.Select(l => l.Command[0]), Is.SupersetOf(s_options.Keys));

    [TestCaseSource(nameof(Lines))]
    public void A_run_behind_a_launcher_takes_its_steps(ShellLine line)
    {
        (Dictionary<string, string> options, string[] program) = Parse(line.Command);
        Assert.That(program[0], Is.EqualTo("tbrm-native"));
        string run = Path.Combine(Folder, "run");
        string[] words = [.. program.Skip(1), "--run-dir", run, .. CommandLine.Tiny, "trainer.threads=1",
            "sft.total_training_steps=1", "trainer.total_training_steps=1", "trainer.val_before_train=false",
            "trainer.test_freq=-1", "trainer.save_freq=-1"];
        string port = RankProcesses.FreePort().ToString(CultureInfo.InvariantCulture);
        int count = Count(line.Command[0], options);
        Assert.That(count, Is.GreaterThan(1));
        Process[] processes = [.. Enumerable.Range(0, count).Select(rank => CommandLine.Start(
            Variables(line.Command[0], options, rank, count, port), words))];
        Task<string>[] errors = [.. processes.Select(p => p.StandardError.ReadToEndAsync())];
        Task<string>[] outputs = [.. processes.Select(p => p.StandardOutput.ReadToEndAsync())];
        int[] codes = [.. processes.Select(p =>
        {
            p.WaitForExit();
            int code = p.ExitCode;
            p.Dispose();
            return code;
        })];
        string said = string.Join('\n', errors.Select(e => e.Result));
        if (!RankProcesses.AreThere)
        {
            Assert.That(said, Does.Contain("libtbrm_torch"));
            return;
        }

        Assert.That(codes, Has.All.Zero, said);
        Assert.That(outputs[0].Result, Does.Contain("step:1 "));
        Assert.That(outputs[1].Result, Is.Empty, "rank 0 speaks for the run");
        Assert.That(File.Exists(Path.Combine(run, "summary.json")), Is.True);
    }

    /// <summary>The launcher's options, and the program with its words.</summary>
    private static (Dictionary<string, string> Options, string[] Program) Parse(string[] command)
    {
        Dictionary<string, string> options = [];
        int i = 1;
        while (command[i].StartsWith('-'))
        {
            if (s_flags.Contains(command[i]))
            {
                options[command[i++]] = "";
                continue;
            }

            Assert.That(s_options[command[0]], Does.Contain(command[i]), "the launcher's options");
            options[command[i]] = command[i + 1];
            i += 2;
        }

        return (options, command[i..]);
    }

    private static int Count(string launcher, Dictionary<string, string> options)
    {
        int Of(params string[] names) => names.Where(options.ContainsKey)
            .Select(n => int.Parse(options[n], CultureInfo.InvariantCulture)).FirstOrDefault(1);
        return launcher switch
        {
            "torchrun" => Of("--nnodes") * Of("--nproc_per_node", "--nproc-per-node"),
            "srun" => Of("--nodes", "-N") * Of("--ntasks-per-node"),
            _ => Of("-n", "-np"),
        };
    }

    /// <summary>What each launcher sets for a process; every host is this one.</summary>
    private static Dictionary<string, string> Variables(string launcher, Dictionary<string, string> options, int rank,
        int count, string port)
    {
        string number = rank.ToString(CultureInfo.InvariantCulture), all = count.ToString(CultureInfo.InvariantCulture);
        Dictionary<string, string> variables = launcher switch
        {
            "torchrun" => new()
            {
                ["RANK"] = number,
                ["WORLD_SIZE"] = all,
                ["LOCAL_RANK"] = "0",
                ["LOCAL_WORLD_SIZE"] = "1",
                ["GROUP_RANK"] = number,
                ["MASTER_ADDR"] = "127.0.0.1",
                ["TORCHELASTIC_RUN_ID"] = "none",
            },
            "srun" => new()
            {
                ["SLURM_PROCID"] = number,
                ["SLURM_NTASKS"] = all,
                ["SLURM_STEP_NUM_TASKS"] = all,
                ["SLURM_LOCALID"] = "0",
                ["SLURM_NODEID"] = number,
                ["SLURM_STEP_NODELIST"] = "localhost,localhost",
                ["SLURM_JOB_ID"] = "1",
            },
            _ => new()
            {
                ["OMPI_COMM_WORLD_RANK"] = number,
                ["OMPI_COMM_WORLD_SIZE"] = all,
                ["OMPI_COMM_WORLD_LOCAL_RANK"] = "0",
                ["OMPI_COMM_WORLD_LOCAL_SIZE"] = "1",
            },
        };
        if (options.TryGetValue("-x", out string? given))
        {
            // The host of rank 0, by name in the document.
            Assert.That(given, Does.StartWith("MASTER_ADDR="));
            variables["MASTER_ADDR"] = "127.0.0.1";
        }

        variables["MASTER_PORT"] = port;
        return variables;
    }
}
