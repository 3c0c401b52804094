using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Training.Loops;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests;

/// <summary>When updates that are not made end a phase, and whom the advice names.</summary>
public sealed class UpdateCountTests
{
    private readonly RunConfig _config =
        new() { Trainer = new() { MaxNonFiniteSteps = 3 }, Sft = new() { TotalTrainingSteps = 5 } };

    [Test]
    public void A_phase_of_any_length_without_one_update_came_to_nothing([Values(1, 2, 500)] int steps)
    {
        RunConfig patient = _config with { Trainer = new() { MaxNonFiniteSteps = 1000 } };
        UpdateCount updates = new(RunState.Train, patient, made: 0);
        for (int step = 1; step <= steps; step++)
        {
            updates.Add(UpdateOutcome.LogitsNotFinite);
            Assert.That(updates.Patience(step), Is.Null);
        }

        Assert.That(updates.Outcome(steps),
            Does.Contain("no update was made").And.Contain("sft.optim.lr").And.Not.Contain("actor.optim.lr"));
    }

    [Test]
    public void One_update_before_or_now_is_enough([Values(0, 1)] int made)
    {
        UpdateCount updates = new(RunState.Train, _config, made);
        updates.Add(made == 0 ? UpdateOutcome.Made : UpdateOutcome.NotFinite);
        updates.Add(UpdateOutcome.NotFinite);
        Assert.That(updates.Made, Is.EqualTo(1));
        Assert.That(updates.Outcome(2), Is.Null);
        Assert.That(new UpdateCount(RunState.Train, _config, 0).Outcome(0), Is.Null,
            "a run of no steps had nothing to update");
    }

    [Test]
    public void Patience_ends_after_the_configured_number_in_a_row()
    {
        UpdateCount updates = new(RunState.Train, _config, made: 0);
        foreach ((bool isMade, bool ends) in new[] { (false, false), (false, false), (true, false), (false, false),
            (false, false), (false, true) })
        {
            updates.Add(isMade ? UpdateOutcome.Made : UpdateOutcome.NotFinite);
            Assert.That(updates.Patience(7) is not null, Is.EqualTo(ends));
        }

        Assert.That(updates.Patience(7),
            Does.Contain("step 7").And.Contain("3 times").And.Contain("actor.optim.lr").And.Not.Contain(
            "sft.optim.lr"));
    }

    [Test]
    public void Weights_that_a_phase_did_not_change_are_blamed_on_where_they_came_from()
    {
        RunConfig folder = _config with { Model = new() { Path = "models/x" } };
        RunConfig random = _config with { Sft = new() { TotalTrainingSteps = 0 } };
        Assert.That(Advice(RunState.Train, _config, false), Does.Contain("warm start").And.Contain("sft.optim.lr"));
        Assert.That(Advice(RunState.Train, folder, false),
            Does.Contain("models/x").And.Contain("model.dtype").And.Not.Contain("optim.lr"));
        Assert.That(Advice(RunState.Sft, folder, false), Does.Contain("models/x").And.Not.Contain("optim.lr"));
        Assert.That(Advice(RunState.Train, random, false), Does.Contain("model.scratch.initializer_range"));
        Assert.That(Advice(RunState.Train, _config, true),
            Does.Contain("rewards").And.Contain("algorithm.tbrm.beta").And.Not.Contain("optim.lr"));
        Assert.That(Advice(RunState.WarmStart, _config, false), Does.Contain("model.scratch.initializer_range"));
    }

    [Test]
    public void A_run_that_learned_from_no_response_names_what_leaves_them_out()
    {
        UpdateCount updates = new(RunState.Train, _config, made: 0);
        for (int step = 1; step <= 5; step++)
        {
            updates.Add(UpdateOutcome.NothingToLearn);
            Assert.That(updates.Patience(step), Is.Null, "nothing was not finite");
        }

        Assert.That(updates.Outcome(5),
            Does.Contain("truncation").And.Contain("reward.on_error").And.Not.Contain("finite"));
    }

    [Test]
    public void A_warm_start_that_ends_with_destroyed_weights_says_so_itself()
    {
        UpdateCount updates = new(RunState.WarmStart, _config, made: 0);
        updates.Add(UpdateOutcome.Made);
        updates.Add(UpdateOutcome.LogitsNotFinite);
        Assert.That(updates.Outcome(2), Does.Contain("warm start").And.Contain("sft.optim.lr"));
        updates.Add(UpdateOutcome.NotFinite);
        Assert.That(updates.Outcome(3), Is.Null, "a gradient that overflowed once leaves the weights as they were");
    }

    private static string? Advice(string phase, RunConfig config, bool isForwardFinite)
    {
        UpdateCount updates = new(phase, config, made: 0);
        updates.Add(isForwardFinite ? UpdateOutcome.NotFinite : UpdateOutcome.LogitsNotFinite);
        return updates.Outcome(1);
    }
}
