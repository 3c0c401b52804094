namespace Tbrm.Engine;

/// <summary>Bytes that the library holds on a device.</summary>
/// <param name="InUse">Now.</param>
/// <param name="Peak">At most, since the last reset.</param>
/// <param name="DeviceTotal">What the device has.</param>
public readonly record struct DeviceMemory(long InUse, long Peak, long DeviceTotal);
