using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Engine.Checkpoint;

namespace Tbrm.Engine.Tests.Checkpoint;

/// <summary>No moment of saving, pruning or going back costs a checkpoint that is still needed.</summary>
public sealed class CheckpointStoreTests
{
    private string _root = "";

    [SetUp]
    public void MakeFolder() => _root = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_root, recursive: true);

    [Test]
    public void The_highest_steps_are_kept_and_the_protected_ones()
    {
        CheckpointStore store = new(_root, keep: 2);
        foreach (long step in new long[] { 1, 2, 3, 4 })
        {
            Save(store, step, protectedStep: 1);
        }

        Assert.That(store.Steps().Order(), Is.EqualTo(new long[] { 1, 3, 4 }));
    }

    [Test]
    public void What_was_just_saved_stays_below_older_checkpoints_of_higher_steps()
    {
        CheckpointStore store = new(_root, keep: 2);
        Save(store, 500);
        Save(store, 1000);
        Save(store, 120);
        Assert.That(store.Steps(), Does.Contain(120));
    }

    [Test]
    public void Later_checkpoints_are_set_aside_whole()
    {
        CheckpointStore store = new(_root, keep: 0);
        Save(store, 100);
        Save(store, 500);
        string? aside = store.SetAside(after: 100);
        Assert.That(store.Latest(Assert.Fail), Is.EqualTo(store.FolderOf(100)));
        Assert.That(aside, Is.Not.Null);
        Assert.That(File.ReadAllText(Path.Combine(aside!, "global_step_500", "content")), Is.EqualTo("500"));
        Assert.That(store.SetAside(after: 100), Is.Null);
    }

    [Test]
    public void Saved_again_a_step_has_the_new_content_and_nothing_else_is_left()
    {
        CheckpointStore store = new(_root, keep: 1);
        Save(store, 3);
        Save(store, 3, content: "again");
        Assert.That(File.ReadAllText(Path.Combine(store.FolderOf(3), "content")), Is.EqualTo("again"));
        Assert.That(Directory.GetDirectories(_root), Has.Length.EqualTo(1));
    }

    /// <summary>Killed while an existing checkpoint was replaced: before the new one was moved in, and after.</summary>
    [Test]
    public void Killed_between_two_moves_a_checkpoint_is_there([Values] bool isNewIn)
    {
        CheckpointStore store = new(_root, keep: 1);
        Save(store, 7);
        string replaced = Path.Combine(_root, ".global_step_7.old");
        Directory.Move(store.FolderOf(7), replaced);
        if (isNewIn)
        {
            Save(new(Path.Combine(_root, "other"), keep: 1), 7, content: "new");
            Directory.Move(Path.Combine(_root, "other", "global_step_7"), store.FolderOf(7));
        }

        Directory.CreateDirectory(Path.Combine(_root, ".global_step_7.tmp"));
        string? latest = new CheckpointStore(_root, keep: 1).Latest(Assert.Fail);
        Assert.That(latest, Is.EqualTo(store.FolderOf(7)));
        Assert.That(File.ReadAllText(Path.Combine(latest!, "content")), Is.EqualTo(isNewIn ? "new" : "7"));
        Assert.That(Directory.GetDirectories(_root, ".*"), Is.Empty);
    }

    /// <summary>Killed after its checkpoint was moved in, and before the rest of a save.</summary>
    [Test]
    public void What_a_killed_save_left_to_do_is_done()
    {
        CheckpointStore all = new(_root, keep: 0);
        foreach (long step in new long[] { 1, 2, 3, 4 })
        {
            Save(all, step);
        }

        string latest = Path.Combine(_root, "latest_checkpointed_iteration.txt");
        File.WriteAllText(latest, "3\n");
        new CheckpointStore(_root, keep: 2).Settle([1]);
        Assert.That(File.ReadAllText(latest), Is.EqualTo("4\n"));
        Assert.That(all.Steps().Order(), Is.EqualTo(new long[] { 1, 3, 4 }));

        Assert.That(all.SetAside(after: 3), Is.Not.Null);
        all.Settle([]);
        Assert.That(File.ReadAllText(latest), Is.EqualTo("3\n"), "what was set aside is not the newest");
        Assert.That(all.SetAside(after: -1), Is.Not.Null);
        all.Settle([]);
        Assert.That(File.Exists(latest), Is.False);
    }

    private static void Save(CheckpointStore store, long step, long protectedStep = 0, string? content = null) =>
        store.Save(step, folder => File.WriteAllText(Path.Combine(folder, "content"), content ?? $"{step}"),
            [protectedStep]);
}
