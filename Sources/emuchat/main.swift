print("emuchat")
