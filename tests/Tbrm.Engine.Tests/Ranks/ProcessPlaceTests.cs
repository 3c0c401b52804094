using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Engine.Ranks;

namespace Tbrm.Engine.Tests.Ranks;

/// <summary>Which process this is, by the variables of three launchers.</summary>
public sealed class ProcessPlaceTests
{
    [TestCase("RANK=3 WORLD_SIZE=8 LOCAL_RANK=1 MASTER_ADDR=gpu1 MASTER_PORT=1234", 3, 8, 1, "gpu1", 1234, true)]
    [TestCase("RANK=0 WORLD_SIZE=2 MASTER_ADDR=gpu1", 0, 2, 0, "gpu1", 29500, true)]
    [TestCase("OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 MASTER_ADDR=h", 1, 2, 1, "h",
        29500, true)]
    [TestCase("SLURM_PROCID=5 SLURM_NTASKS=6 SLURM_LOCALID=2 SLURM_NODELIST=gpu[03-05,9]", 5, 6, 2, "gpu03", 29500,
        false)]
    [TestCase("SLURM_PROCID=0 SLURM_NTASKS=6 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST=a,b", 0, 2, 0, "a", 29500,
        false)]
    [TestCase("RANK=1 WORLD_SIZE=2 MASTER_ADDR=x SLURM_PROCID=0 SLURM_NTASKS=1", 1, 2, 0, "x", 29500, true)]
    public void A_launcher_says_rank_count_and_address(string variables, int rank, int count, int local, string address,
        int port, bool isCertain)
    {
        ProcessPlace place = Find(variables)!;
        Assert.That((place.Rank, place.Count, place.LocalRank, place.Address, place.Port, place.IsCertain),
            Is.EqualTo((rank, count, local, address, port, isCertain)));
    }

    [TestCase("")]
    [TestCase("RANK=1")]
    [TestCase("WORLD_SIZE=4 SLURM_NTASKS=2")]
    public void Without_both_rank_and_count_there_is_none(string variables) => Assert.That(Find(variables), Is.Null);

    [TestCase("RANK=2 WORLD_SIZE=2", "RANK=2: a number from 0 to 1")]
    [TestCase("RANK=x WORLD_SIZE=2", "RANK=x")]
    [TestCase("RANK=0 WORLD_SIZE=0", "WORLD_SIZE=0: a number from 1 to 1024")]
    [TestCase("RANK=0 WORLD_SIZE=2 MASTER_PORT=70000", "MASTER_PORT=70000")]
    public void What_does_not_fit_is_refused_by_name(string variables, string said) =>
        Assert.That(() => Find(variables), Throws.InstanceOf<ConfigException>().With.Message.Contains(said));

    [TestCase("n1", "n1")]
    [TestCase("n1,n2", "n1")]
    [TestCase("n[1-4]", "n1")]
    [TestCase("n[07,09]", "n07")]
    [TestCase("rack[2]-ib,n1", "rack2-ib")]
    [TestCase("login,n[1-4]", "login")]
    public void The_first_host_of_a_list(string list, string first) =>
        Assert.That(ProcessPlace.FirstHost(list), Is.EqualTo(first));

    private static ProcessPlace? Find(string variables)
    {
        Dictionary<string, string> all = variables.Split(' ', System.StringSplitOptions.RemoveEmptyEntries)
            .Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        return ProcessPlace.Find(all.GetValueOrDefault);
    }
}
